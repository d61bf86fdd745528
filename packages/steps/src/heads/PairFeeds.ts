/**
 * What a graph is fed of pairs of texts, each of which is a row of the batch:
 *
 * ```
 * anchors, others, negatives   int32 [pairs]        rows of the first, second and, where there is one, third text
 * labels                       [pairs]              float32 scores; int32, 1 where the texts belong together and 0 where not
 * candidates, rivals           see `pairs/Pairs` of the models, for losses that compare a pair with the others of the batch
 * ```
 *
 * Only pairs that say something of the task are among them.
 */
import type { SentenceEmbedding } from "@thaw/models/heads/SentenceEmbedding"
import * as Tensor from "@thaw/onnx/Tensor"
import type { EncodedExample } from "../Batch.ts"
import type { Labels } from "./Labels.ts"

export const of = ({ loss }: SentenceEmbedding): Labels => (loss._tag === "multipleNegativesRanking" ? ranked : paired)

const paired: Labels = (rows, task) => {
  const pairs = pairsOf(rows, task)
  const int32 = (name: string, numbers: ReadonlyArray<number>) => ({
    [`${name}.${task}`]: Tensor.int32([numbers.length], numbers),
  })
  const scores = pairs.flatMap((at) => rows[at]!.scores?.[task] ?? [])
  return {
    ...int32("anchors", pairs),
    ...int32("others", pairs.map(otherOf)),
    ...int32("negatives", pairs.filter((at) => hasNegative(rows[at]!)).map(negativeOf)),
    ...(scores.length > 0
      ? { [`labels.${task}`]: Tensor.float32([scores.length], scores) }
      : int32("labels", pairs.map((at) => rows[at]!.classes[task]!))), // prettier-ignore
  }
}

const ranked = (rows: ReadonlyArray<EncodedExample>, task: string) => {
  const pairs = pairsOf(rows, task)
  const candidates = [...pairs.map(otherOf), ...pairs.filter((at) => hasNegative(rows[at]!)).map(negativeOf)]
  return {
    ...paired(rows, task),
    [`candidates.${task}`]: Tensor.int32([candidates.length], candidates),
    [`rivals.${task}`]: Tensor.int32([pairs.length, candidates.length], rivals(numbersOf(rows), pairs, candidates)),
  }
}

/** Rows of the first texts of pairs that say something of the task. */
const pairsOf = (rows: ReadonlyArray<EncodedExample>, task: string): ReadonlyArray<number> =>
  rows.flatMap((row, at) => (isPair(row) && says(row, task) ? [at] : []))

const isPair = ({ beside = [] }: EncodedExample): boolean => beside.length > 0
const hasNegative = ({ beside = [] }: EncodedExample): boolean => beside.length > 1
const says = ({ classes, scores = {} }: EncodedExample, task: string): boolean =>
  Object.hasOwn(classes, task) || Object.hasOwn(scores, task)

/** The texts of an example are one row after the other. */
const otherOf = (at: number): number => at + 1
const negativeOf = (at: number): number => at + 2

/** A number for every row, the same for equal texts as the encoder reads them. */
const numbersOf = (rows: ReadonlyArray<EncodedExample>): ReadonlyArray<number> => {
  const known = new Map<string, number>()
  return rows.map(({ encoding }) => {
    const text = encoding.ids.join(" ")
    const number = known.get(text) ?? known.size
    known.set(text, number)
    return number
  })
}

/**
 * [pairs, candidates]: 1 for a pair's own candidate and for those that are wrong for it; 0 for what may be as right: its
 * own second or first text again, and what stands with a first text that is the same.
 */
const rivals = (
  textOf: ReadonlyArray<number>,
  pairs: ReadonlyArray<number>,
  candidates: ReadonlyArray<number>,
): Int32Array => {
  const found = new Int32Array(pairs.length * candidates.length)
  pairs.forEach((anchor, i) => {
    candidates.forEach((candidate, j) => {
      const text = textOf[candidate]!
      const isRight =
        text === textOf[otherOf(anchor)] ||
        text === textOf[anchor] ||
        (j < pairs.length && textOf[pairs[j]!] === textOf[anchor])
      if (i === j || !isRight) found[i * candidates.length + j] = 1
    })
  })
  return found
}
