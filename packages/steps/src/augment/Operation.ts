/**
 * What augmentation does to a sentence, as plain JSON: it is part of the step's parameters, so the content key says
 * everything. What does not fit into JSON (an encoder, a thesaurus, a translator) stands under a name and is an input of
 * the step; see `Resources`.
 *
 * Where an operation counts, it changes `clamp(⌈p · words⌉, min, max)` words, all words of the sentence being counted,
 * and fewer where fewer may be changed.
 */
import { Schema } from "effect"
import { PartOfSpeech } from "./Thesaurus.ts"
import * as WordNet from "./WordNet.ts"

const Probability = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))
const Positive = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** How many words. `p` is 0.1 and `min` 1 unless given. */
const amount = {
  p: Schema.optionalKey(Probability),
  min: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
  max: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))),
}

export interface Amount {
  readonly p?: number
  readonly min?: number
  readonly max?: number
}

export const count = (words: number, { p = 0.1, min = 1, max = Infinity }: Amount): number =>
  // Products such as 0.07 · 100 are a rounding above the whole number that they mean.
  Math.min(Math.max(Math.ceil(p * words - 1e-9), min), max)

/** Where synonyms come from and which of them count. */
const synonymous = {
  /** `wordnet-3.1`, or the name of a thesaurus. */
  source: Schema.String,
  /** How many senses of a word count, from the most frequent on; 2 unless given. */
  senses: Schema.optionalKey(Positive),
  partsOfSpeech: Schema.optionalKey(Schema.NonEmptyArray(PartOfSpeech)),
  /**
   * Which part of speech a word has: `likely`, the one it was seen as most often, where the source knows (so unless
   * given); `any` of them; `unambiguous` changes words of which the source knows one part alone; `{ tags: task }` reads it
   * from a task's tags (Penn Treebank's or Universal Dependencies').
   */
  match: Schema.optionalKey(
    Schema.Union([Schema.Literals(["likely", "any", "unambiguous"]), Schema.Struct({ tags: Schema.String })]),
  ),
  /** In place of the built-in English ones. */
  stopWords: Schema.optionalKey(Schema.Array(Schema.String)),
}

export const Synonyms = Schema.TaggedStruct("synonyms", { ...amount, ...synonymous })
export const Insert = Schema.TaggedStruct("insert", { ...amount, ...synonymous })
export const Swap = Schema.TaggedStruct("swap", amount)
export const Delete = Schema.TaggedStruct("delete", { p: Schema.optionalKey(Probability) })
export const Characters = Schema.TaggedStruct("characters", {
  ...amount,
  kinds: Schema.optionalKey(Schema.NonEmptyArray(Schema.Literals(["insert", "delete", "replace", "transpose"]))),
})
export const Typos = Schema.TaggedStruct("typos", amount)
export const Contextual = Schema.TaggedStruct("contextual", {
  ...amount,
  /** Name of an encoder with a masked-token head. */
  encoder: Schema.String,
  /** The likeliest words that one is drawn from; 10 unless given. */
  topK: Schema.optionalKey(Positive),
  stopWords: Schema.optionalKey(Schema.Array(Schema.String)),
})
export const BackTranslate = Schema.TaggedStruct("backTranslate", {
  /** Names of translators: into another language, and back. */
  there: Schema.String,
  back: Schema.String,
})
export const Mentions = Schema.TaggedStruct("mentions", {
  ...amount,
  /** The task whose tags say what is a mention. */
  task: Schema.String,
})

const leaves = [Synonyms, Insert, Swap, Delete, Characters, Typos, Contextual, BackTranslate, Mentions] as const
export type Leaf = (typeof leaves)[number]["Type"]

export interface Sequence {
  readonly _tag: "sequence"
  readonly of: ReadonlyArray<Operation>
}
export interface OneOf {
  readonly _tag: "oneOf"
  readonly of: ReadonlyArray<Operation>
  readonly weights?: ReadonlyArray<number>
}
export interface Sometimes {
  readonly _tag: "sometimes"
  readonly p: number
  readonly of: Operation
}
export type Operation = Leaf | Sequence | OneOf | Sometimes

const Inner: Schema.Codec<Operation> = Schema.suspend((): Schema.Codec<Operation> => Operation)

export const Operation: Schema.Codec<Operation> = Schema.Union([
  ...leaves,
  Schema.TaggedStruct("sequence", { of: Schema.NonEmptyArray(Inner) }),
  Schema.TaggedStruct("oneOf", {
    of: Schema.NonEmptyArray(Inner),
    weights: Schema.optionalKey(Schema.NonEmptyArray(Schema.Number.check(Schema.isGreaterThan(0)))),
  }).check(
    Schema.makeFilter(({ of, weights }) =>
      weights === undefined || weights.length === of.length
        ? undefined
        : `${of.length} weights, one for each operation`,
    ),
  ),
  Schema.TaggedStruct("sometimes", { p: Probability, of: Inner }),
])

/** All operations of a tree, from the outside in. */
export const all = (operation: Operation): ReadonlyArray<Operation> => {
  switch (operation._tag) {
    case "sequence":
    case "oneOf":
      return [operation, ...operation.of.flatMap(all)]
    case "sometimes":
      return [operation, ...all(operation.of)]
    default:
      return [operation]
  }
}

export const shippedThesaurus = WordNet.name
