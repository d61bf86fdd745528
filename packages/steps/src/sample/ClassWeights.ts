/**
 * How much an example counts by how many others share its class: the scarcer, the more.
 *
 *   inverse frequency    w_c = n / (C · n_c)                       every class weighs the same in all
 *   effective number     w_c ∝ (1 − β) / (1 − β^(n_c)), Σ w_c = C  (Cui et al. 2019, arXiv 1901.05555, eq. 5)
 *
 * n_c are the examples of class c in the training part, n their sum, C the number of classes that have any. β → 0 weighs
 * all examples alike, β → 1 by inverse frequency. A class without an example has the weight 0: there is nothing to weigh.
 */
import { Schema } from "effect"

export const InverseFrequency = Schema.TaggedStruct("inverseFrequency", {})
export const EffectiveNumber = Schema.TaggedStruct("effectiveNumber", {
  beta: Schema.Number.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(1)),
})

export const ClassWeights = Schema.Union([InverseFrequency, EffectiveNumber])
export type ClassWeights = typeof ClassWeights.Type

export const inverseFrequency = (): ClassWeights => ({ _tag: "inverseFrequency" })

/** @param options.beta 0.9, 0.99, 0.999 and 0.9999 are what the paper tries */
export const effectiveNumber = (options: { readonly beta: number }): ClassWeights => ({
  _tag: "effectiveNumber",
  ...options,
})

/** Weight of each class. Deterministic. @param counts examples by class, in the order of the head's labels */
export const values = (weights: ClassWeights, counts: ReadonlyArray<number>): ReadonlyArray<number> => {
  const classes = counts.filter((count) => count > 0).length
  if (weights._tag === "inverseFrequency") {
    const all = counts.reduce((sum, count) => sum + count, 0)
    return counts.map((count) => (count === 0 ? 0 : all / (classes * count)))
  }
  const raw = counts.map((count) => (count === 0 ? 0 : 1 / effective(weights.beta, count)))
  const total = raw.reduce((sum, each) => sum + each, 0)
  return raw.map((each) => (each * classes) / total)
}

/** (1 − β^n) / (1 − β); with log1p and expm1, because 1 − β^n loses its digits where β is near 1. */
const effective = (beta: number, count: number): number =>
  beta === 0 ? 1 : -Math.expm1(count * Math.log1p(beta - 1)) / (1 - beta)

/** Examples of each class. @param classes of the examples; negative: without a label */
export const counts = (classes: Iterable<number>, labels: number): ReadonlyArray<number> => {
  const found = Array<number>(labels).fill(0)
  for (const each of classes) if (each >= 0) found[each]! += 1
  return found
}
