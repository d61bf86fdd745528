/**
 * A small encoder that begins with nothing and reads plain text: novels, textbooks and speeches, public domain or
 * CC-BY-4.0, which lie beside the project and are no part of it. Whole words are hidden, and it learns to say them.
 *
 *     npx -y pnpm@12 thaw run pipelines/pretrain.ts
 *
 * Hours on two cores. Ctrl-C is safe: the next run goes on where this one was stopped, to the same bytes.
 */
import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Evaluate, Export, Load, Split, Train } from "@thaw/steps"

// Licences lie among the texts.
const passages = Load.text({ path: "../../shared/data/corpus_*/{*_*,text,inaugural}.txt", words: 48 })
const { train, validation, test } = Split.stratified({ examples: passages, validation: 0.01, test: 0.01 })

const trained = Train.multiTask({
  encoder: Encoder.fromScratch({
    corpus: train,
    vocabularySize: 8192,
    blocks: 4,
    hidden: 256,
    heads: 4,
    maxTokens: 128,
  }),
  tasks: { words: { head: Head.maskedTokens({ rate: 0.2 }), train, validation } },
  learningRate: LearningRate.linear({ base: 1e-3, warmup: 0.05 }),
  maxTokens: 64,
  batch: 64,
  epochs: 8,
  save: { everyMinutes: 5 },
})

const scores = Evaluate.tasks({ trained, test: { words: test } })

export default Pipeline.make("pretrain", { seed: 11, outputs: { scores, model: Export.checkpoint({ trained }) } })
