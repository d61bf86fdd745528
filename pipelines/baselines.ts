/**
 * How far one gets before the encoder itself learns: the first rungs of the ladder, each on the same split.
 *
 *   labels by their descriptions → a classifier on the vectors of every block → heads under a frozen encoder
 *
 * The encoder here is new and random, so its vectors know words but no meaning: descriptions help little, and lower groups
 * serve as well as higher ones. Put an encoder from a folder in its place to see what pre-training is worth.
 *
 *     npx -y pnpm@12 thaw run pipelines/baselines.ts
 */
import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Encode, Evaluate, Fit, Freeze, Load, Split, Train } from "@thaw/steps"

const support = Split.stratified({
  examples: Load.csv({
    path: "./data/support.csv",
    id: "id",
    text: "text",
    labels: { topic: "topic", sentiment: "sentiment" },
  }),
  by: "topic",
  validation: 0.1,
  test: 0.2,
})

const encoder = Encoder.fromScratch({
  corpus: support.train,
  vocabularySize: 3000,
  blocks: 2,
  hidden: 128,
  heads: 4,
  maxTokens: 64,
})

// Nothing is fitted: a text gets the label whose description is most similar to it.
const described = Evaluate.zeroShot({
  encoder,
  test: support.test,
  task: "topic",
  descriptions: {
    service: "staff, waiters, hosts and support agents: how customers were served",
    technology: "computers, phones, software and other devices",
    weather: "rain, sun, wind, snow, storms and the forecast",
  },
  pooling: "mean",
})

// Every text goes through the encoder once; classifiers on what each group gives cost next to nothing.
const vectors = { encoder, groups: ["*"], pooling: "mean" } as const
const features = Encode.features({ ...vectors, examples: support.train })
const test = Encode.features({ ...vectors, examples: support.test })
const fitted = (group: string) =>
  Fit.evaluate({ classifier: Fit.logisticRegression({ features, task: "topic", group }), test })

// The same frozen vectors, under a head that goes with the encoder into one checkpoint.
const trained = Train.multiTask({
  encoder,
  tasks: {
    topic: { head: Head.classification({ pooling: "mean" }), train: support.train, validation: support.validation },
  },
  freeze: Freeze.backbone(),
  learningRate: LearningRate.linear({ base: 1e-2, warmup: 0.1 }),
  epochs: 20,
})

export default Pipeline.make("baselines", {
  seed: 7,
  outputs: {
    described,
    embeddings: fitted("embeddings"),
    block0: fitted("block.0"),
    block1: fitted("block.1"),
    heads: Evaluate.tasks({ trained, test: { topic: support.test } }),
  },
})
