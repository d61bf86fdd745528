/**
 * A personal assistant: what somebody wants (intent, one label for the sentence) and what they speak of (entities, one
 * BIO tag for each word), read from one CoNLL file by one encoder. The heads train alone first, then everything does.
 *
 *     npx -y pnpm@12 thaw run pipelines/entities.ts
 */
import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Evaluate, Export, Freeze, Load, Sample, Split, Train } from "@thaw/steps"

const requests = Split.stratified({
  examples: Load.conll({
    path: "./data/assistant.conll",
    id: "id",
    tags: { entities: 1 },
    labels: { intent: "intent" },
  }),
  validation: 0.1,
  test: 0.2,
})

const trained = Train.multiTask({
  encoder: Encoder.fromScratch({
    corpus: requests.train,
    vocabularySize: 1500,
    blocks: 2,
    hidden: 128,
    heads: 4,
    maxTokens: 64,
  }),
  tasks: {
    intent: { head: Head.classification({ pooling: "mean" }), train: requests.train, validation: requests.validation },
    entities: { head: Head.tokenClassification(), train: requests.train, validation: requests.validation },
  },
  mix: Sample.proportional(),
  freeze: Freeze.phases([
    { freeze: Freeze.backbone(), epochs: 1 },
    { freeze: Freeze.nothing(), epochs: 8 },
  ]),
  learningRate: LearningRate.linear({ base: 1e-3, warmup: 0.1 }),
  batch: 16,
})

const scores = Evaluate.tasks({ trained, test: { intent: requests.test, entities: requests.test } })

export default Pipeline.make("entities", {
  seed: 7,
  outputs: { scores, model: Export.checkpoint({ trained }) },
})
