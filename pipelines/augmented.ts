/**
 * Few labels, more examples: an assistant's entities, learned from a small part of the data, with copies in which names
 * and places give way to others of their kind and words to their synonyms. What is held out is never changed.
 *
 *     npx -y pnpm@12 thaw run pipelines/augmented.ts
 */
import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Augment, Evaluate, Export, Load, Split, Train } from "@thaw/steps"

const requests = Split.stratified({
  examples: Load.conll({
    path: "./data/assistant.conll",
    id: "id",
    tags: { entities: 1 },
    labels: { intent: "intent" },
  }),
  validation: 0.1,
  test: 0.6,
})

const augmented = Augment.examples({
  examples: requests.train,
  operation: Augment.sequence([
    Augment.mentions({ task: "entities", p: 0.7 }),
    Augment.sometimes(0.5, Augment.synonyms({ p: 0.2, match: "unambiguous" })),
  ]),
  copies: 2,
})

const trained = Train.multiTask({
  encoder: Encoder.fromScratch({
    corpus: augmented.examples,
    vocabularySize: 1500,
    blocks: 2,
    hidden: 64,
    heads: 4,
    maxTokens: 64,
  }),
  tasks: {
    intent: {
      head: Head.classification({ pooling: "mean" }),
      train: augmented.examples,
      validation: requests.validation,
    },
    entities: { head: Head.tokenClassification(), train: augmented.examples, validation: requests.validation },
  },
  learningRate: LearningRate.linear({ base: 1e-3, warmup: 0.1 }),
  batch: 16,
  epochs: 3,
})

const scores = Evaluate.tasks({ trained, test: { intent: requests.test, entities: requests.test } })

export default Pipeline.make("augmented", {
  seed: 7,
  outputs: { scores, report: augmented.report, model: Export.checkpoint({ trained }) },
})
