/** What a graph is fed of the answers that examples carry, by kind of head; see `Batch` for the forms. */
import type * as Head from "@thaw/models/Head"
import * as Regression from "@thaw/models/heads/Regression"
import * as Tensor from "@thaw/onnx/Tensor"
import type { EncodedExample } from "../Batch.ts"
import type * as Masking from "../Masking.ts"
import * as PairFeeds from "./PairFeeds.ts"

/** A label that no loss reads. */
export const ignored = -100

type Feeds = Readonly<Record<string, Tensor.Tensor>>

/** @param tokens of the longest example */
export type Labels = (
  head: Head.Labelled,
  task: string,
  examples: ReadonlyArray<EncodedExample>,
  tokens: number,
) => Feeds

const ofExamples: Labels = (_, task, examples) => ({
  [`labels.${task}`]: Tensor.int32(
    [examples.length],
    examples.map(({ classes }) => classes[task] ?? ignored),
  ),
})

const ofTokens: Labels = (_, task, examples, tokens) => ({
  [`labels.${task}`]: grid(examples, tokens, ignored, ({ encoding, tags }) => perToken(encoding.words, tags[task])),
})

/** One row an example, padded. */
export const grid = (
  examples: ReadonlyArray<EncodedExample>,
  tokens: number,
  padding: number,
  of: (example: EncodedExample) => ArrayLike<number>,
): Tensor.Tensor => {
  const data = new Int32Array(examples.length * tokens).fill(padding)
  examples.forEach((example, row) => data.set(of(example), row * tokens))
  return Tensor.int32([examples.length, tokens], data)
}

/** The first piece of a word carries its class; further pieces and special tokens carry none. */
const perToken = (words: Int32Array, tags: ReadonlyArray<number> | undefined): Int32Array =>
  words.map((word, at) => (tags === undefined || word < 0 || words[at - 1] === word ? ignored : tags[word]!))

/** 1 for classes that apply and 0 for the others, a row without any of them where nobody said. */
const ofSets: Labels = ({ labels }, task, examples) => {
  const data = new Int32Array(examples.length * labels.length)
  examples.forEach(({ classSets = {} }, row) => {
    const cells = data.subarray(row * labels.length, (row + 1) * labels.length)
    if (!Object.hasOwn(classSets, task)) cells.fill(ignored)
    else for (const each of classSets[task]!) cells[each] = 1
  })
  return { [`labels.${task}`]: Tensor.int32([examples.length, labels.length], data) }
}

const ofNumbers: Labels = (head, task, examples) => ({
  [`labels.${task}`]: Tensor.float32(
    [examples.length],
    examples.map(({ scores = {} }) =>
      Object.hasOwn(scores, task) ? Regression.inMeasure(head as Regression.Regression, scores[task]!) : Number.NaN,
    ),
  ),
})

/** Hidden tokens of all examples, one after the other. */
const ofHidden: Labels = (_, task, examples, tokens) => {
  const found = examples.map(({ masked = {} }) => (Object.hasOwn(masked, task) ? masked[task]! : nothingMasked))
  const places = found.flatMap((each, row) => each.places.map((place) => row * tokens + place))
  const labels = found.flatMap((each) => each.labels)
  return {
    [`places.${task}`]: Tensor.int32([places.length], places),
    [`labels.${task}`]: Tensor.int32([labels.length], labels),
  }
}

const nothingMasked: Masking.Masked = { places: [], labels: [] }

const byKind = {
  classification: ofExamples,
  tokenClassification: ofTokens,
  multiLabel: ofSets,
  regression: ofNumbers,
  maskedTokens: ofHidden,
  sentenceEmbedding: PairFeeds.of,
} as const satisfies { readonly [K in Head.Kind]: Labels }

export const of: Labels = (head, ...given) => byKind[head.kind](head, ...given)
