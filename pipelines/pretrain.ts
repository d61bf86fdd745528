/**
 * A small encoder that begins with nothing and reads plain text: novels, textbooks and speeches, public domain or
 * CC-BY-4.0, which lie beside the project and are no part of it. It learns two things at once: to say words that are hidden
 * from it, and which of many passages follows a given one. docs/comparisons/pretraining.md says what that is worth: in so
 * short a time, little.
 *
 *     npx -y pnpm@12 thaw run pipelines/pretrain.ts
 *
 * Three quarters of an hour on one core. Ctrl-C is safe: the next run goes on where this one was stopped, to the same bytes.
 */
import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate, PairLoss } from "@thaw/models"
import { Evaluate, Export, Load, Split, Train } from "@thaw/steps"

// Licences lie among the texts.
const path = "../../shared/data/corpus_*/{*_*,text,inaugural}.txt"
const held = { group: Load.document, validation: 0.02, test: 0.02 }
const passages = Split.byGroup({ examples: Load.text({ path, words: 48 }), ...held })
const neighbours = Split.byGroup({ examples: Load.neighbours({ path, words: 24 }), ...held })

const trained = Train.multiTask({
  encoder: Encoder.fromScratch({
    corpus: passages.train,
    vocabularySize: 8192,
    blocks: 4,
    hidden: 256,
    heads: 4,
    maxTokens: 128,
    initializerRange: 0.04,
  }),
  tasks: {
    words: {
      head: Head.maskedTokens({ rate: 0.2 }),
      train: passages.train,
      validation: passages.validation,
    },
    neighbours: {
      head: Head.sentenceEmbedding({ loss: PairLoss.multipleNegativesRanking() }),
      train: neighbours.train,
      validation: neighbours.validation,
    },
  },
  learningRate: LearningRate.linear({ base: 1e-3, warmup: 0.05 }),
  maxTokens: 64,
  batch: 32,
  epochs: 0.5,
  save: { everyMinutes: 5 },
})

const scores = Evaluate.tasks({ trained, test: { words: passages.test, neighbours: neighbours.test } })

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
