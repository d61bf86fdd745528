/**
 * Support triage: one small encoder, two tasks. Topic labels are plenty; only a tenth of the texts also carry a
 * sentiment, so its batches are drawn more often than its size says.
 *
 *     npx -y pnpm@12 quickstart
 */
import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Evaluate, Export, Freeze, Load, Sample, Split, Train } from "@thaw/steps"

const support = Split.stratified({
  examples: Load.csv({
    path: "./data/support.csv",
    id: "id",
    text: "text",
    labels: { topic: "topic", sentiment: "sentiment" },
  }),
  validation: 0.1,
  test: 0.2,
})

// Mean pooling sees every word from the first update on, which suits an encoder that starts from nothing.
const head = Head.classification({ pooling: "mean" })

const trained = Train.multiTask({
  encoder: Encoder.fromScratch({
    corpus: support.train,
    vocabularySize: 3000,
    blocks: 2,
    hidden: 128,
    heads: 4,
    maxTokens: 64,
  }),
  tasks: {
    topic: { head, train: support.train, validation: support.validation },
    sentiment: { head, train: support.train, validation: support.validation },
  },
  mix: Sample.temperature({ temperature: 2 }),
  freeze: Freeze.nothing(),
  learningRate: LearningRate.linear({ base: 5e-4, warmup: 0.1 }),
  epochs: 8,
})

const scores = Evaluate.tasks({ trained, test: { topic: support.test, sentiment: support.test } })

export default Pipeline.make("quickstart", {
  seed: 7,
  outputs: { scores, model: Export.checkpoint({ trained }) },
})
