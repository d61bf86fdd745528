/**
 * A small encoder that begins with nothing and reads plain text: novels, textbooks and speeches, public domain or
 * CC-BY-4.0, which lie beside the project and are no part of it. Whole words are hidden, and it learns to say them.
 *
 *     npx -y pnpm@12 thaw run pipelines/pretrain.ts
 *
 * An hour on two cores. Ctrl-C is safe: the next run goes on where this one was stopped, to the same bytes. The folder that
 * comes out is `models/thaw-mini`.
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
    initializerRange: 0.04,
  }),
  tasks: { words: { head: Head.maskedTokens({ rate: 0.2 }), train, validation } },
  learningRate: LearningRate.linear({ base: 7e-4, warmup: 0.05 }),
  maxTokens: 64,
  batch: 16,
  epochs: 2,
  save: { everyMinutes: 5 },
})

const scores = Evaluate.tasks({ trained, test: { words: test } })

const encoder = Export.encoder({
  trained,
  scores,
  precision: "float16",
  card: {
    name: "thaw-mini",
    language: "en",
    license: "apache-2.0",
    texts: [
      {
        name: "27 English novels of 1852 to 1927 (computationalstylistics/100_english_novels)",
        license: "public domain",
      },
      { name: "State of the Union and inaugural addresses, 1789 to 2021 (nltk_data)", license: "public domain" },
      { name: "Principles of Economics, OpenStax, Rice University", license: "CC-BY-4.0" },
      { name: "Psychology, OpenStax, Rice University", license: "CC-BY-4.0" },
      { name: "World History, OpenStax, Rice University", license: "CC-BY-4.0" },
    ],
  },
})

export default Pipeline.make("pretrain", { seed: 11, outputs: { scores, encoder } })
