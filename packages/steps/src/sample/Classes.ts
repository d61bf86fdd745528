/**
 * Balancing the classes within a task as its examples are drawn: no row is copied.
 *
 * One pass over a task draws so many examples of class c, of which it has n_c:
 *
 *   oversample(to)    max(n_c, ⌈to · max n⌉)                       to = 1: every class like the largest
 *   undersample(to)   min(n_c, ⌈min n / to⌉)                       to = 1: every class like the smallest
 *   weighted(by)      n · n_c w_c / Σ n_k w_k, in whole numbers    w of `ClassWeights`; as many as there are examples in all
 *
 * Every class walks its own examples, so none of them is drawn a second time before all others of its class were.
 */
import { Schema } from "effect"
import * as ClassWeights from "./ClassWeights.ts"
import * as Quota from "./Quota.ts"

const ratio = Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))

export const Classes = Schema.Union([
  Schema.TaggedStruct("oversample", { to: ratio }),
  Schema.TaggedStruct("undersample", { to: ratio }),
  Schema.TaggedStruct("weighted", { by: ClassWeights.ClassWeights }),
])
export type Classes = typeof Classes.Type

/** Minority classes are drawn as often as `to` (1 unless given) times the largest. */
export const oversample = (options: { readonly to?: number } = {}): Classes => ({
  _tag: "oversample",
  to: 1,
  ...options,
})

/** Majority classes are drawn so rarely that the smallest is `to` (1 unless given) times the largest. */
export const undersample = (options: { readonly to?: number } = {}): Classes => ({
  _tag: "undersample",
  to: 1,
  ...options,
})

/** Every example by the weight of its class: `Sample.weighted({ by: Sample.effectiveNumber({ beta: 0.999 }) })`. */
export const weighted = (options: { readonly by: ClassWeights.ClassWeights }): Classes => ({
  _tag: "weighted",
  ...options,
})

/** Examples of each class that one pass draws, passes counted from 0. @param counts that there are, of each class */
export const targets = (classes: Classes, counts: ReadonlyArray<number>): Quota.Quota => {
  const present = counts.filter((count) => count > 0)
  // What is a whole number but for rounding stays it.
  const up = (value: number) => Math.ceil(value - 1e-9 * value)
  switch (classes._tag) {
    case "oversample": {
      const least = up(classes.to * Math.max(...present))
      const each = counts.map((count) => (count === 0 ? 0 : Math.max(count, least)))
      return () => each
    }
    case "undersample": {
      const most = up(Math.min(...present) / classes.to)
      const each = counts.map((count) => Math.min(count, most))
      return () => each
    }
    case "weighted": {
      const weights = ClassWeights.values(classes.by, counts)
      const masses = counts.map((count, at) => count * weights[at]!)
      const total = masses.reduce((sum, mass) => sum + mass, 0)
      const shares = masses.map((mass) => mass / total)
      const all = counts.reduce((sum, count) => sum + count, 0)
      const quota = Quota.make(counts.length)
      return () => quota(shares, all)
    }
  }
}
