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
import * as PairLoss from "@thaw/models/PairLoss"
import * as Tensor from "@thaw/onnx/Tensor"
import type { EncodedExample } from "../Batch.ts"
import type { Labels } from "./Labels.ts"

export const of: Labels = (head, task, rows) => {
  const { loss } = head as SentenceEmbedding
  const pairs = rows.flatMap((row, at) => (isPair(row) && says(row, task) ? [at] : []))
  const others = pairs.map(otherOf)
  const negatives = pairs.filter((at) => hasNegative(rows[at]!)).map(negativeOf)
  const feeds = {
    anchors: int32(pairs),
    others: int32(others),
    negatives: int32(negatives),
    labels:
      PairLoss.traits[loss._tag].role === "score"
        ? Tensor.float32([pairs.length], pairs.map((at) => rows[at]!.scores![task]!)) // prettier-ignore
        : int32(pairs.map((at) => rows[at]!.classes[task]!)),
    ...(loss._tag === "multipleNegativesRanking" ? compared(rows, pairs, [...others, ...negatives]) : {}),
  }
  return Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [`${name}.${task}`, tensor]))
}

const int32 = (numbers: ReadonlyArray<number>): Tensor.Tensor => Tensor.int32([numbers.length], numbers)

const compared = (
  rows: ReadonlyArray<EncodedExample>,
  pairs: ReadonlyArray<number>,
  candidates: ReadonlyArray<number>,
) => ({
  candidates: int32(candidates),
  rivals: Tensor.int32([pairs.length, candidates.length], rivals(numbersOf(rows), pairs, candidates)),
})

const isPair = ({ beside = [] }: EncodedExample): boolean => beside.length > 0
const says = ({ classes, scores = {} }: EncodedExample, task: string): boolean =>
  Object.hasOwn(classes, task) || Object.hasOwn(scores, task)
const hasNegative = ({ beside = [] }: EncodedExample): boolean => beside.length > 1

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
