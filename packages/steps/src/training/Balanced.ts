/**
 * What is remembered of how tasks count against each other while a phase goes on: the balancer's state, and for people the
 * weights, the raw losses with their plain sum, and what was seen of gradients.
 */
import { Schema } from "effect"
import * as Balance from "../Balance.ts"

const PerTask = Schema.Record(Schema.String, Schema.Number)

/** The state of things after an update at which an epoch ended. */
export const Moment = Schema.Struct({
  update: Schema.Int,
  /** How much each task's loss counts from here on; gradients may be combined otherwise. */
  weights: PerTask,
  /** Mean raw loss of each task over its updates since the moment before. */
  losses: PerTask,
  /** Of these losses, unweighted: the baseline beside every balancer. */
  plainSum: Schema.Number,
})
export type Moment = typeof Moment.Type

/** Gradients of the tasks' losses in one group. */
export const Seen = Schema.Struct({
  update: Schema.Int,
  group: Schema.String,
  /** By task; a head is only reached by its own. */
  norms: PerTask,
  /** Of each pair, `a, b` in order of their names, that both have a gradient. */
  cosines: Schema.Array(Schema.Struct({ tasks: Schema.Tuple([Schema.String, Schema.String]), cosine: Schema.Number })),
})
export type Seen = typeof Seen.Type

const Sums = Schema.Record(Schema.String, Schema.Struct({ sum: Schema.Number, count: Schema.Int }))

export const Balanced = Schema.Struct({
  /** The balancer's own. */
  state: Schema.Json,
  /** Of the raw losses since the last moment. */
  sums: Sums,
  moments: Schema.Array(Moment),
  seen: Schema.Array(Seen),
})
export type Balanced = typeof Balanced.Type

/** What a phase leaves of it in the checkpoint's history. */
export const Entry = Schema.Struct({
  balancer: Schema.optionalKey(Balance.Balance),
  /** A next phase with the same balancer goes on with it. */
  state: Schema.Json,
  /** Weights at the start. */
  start: PerTask,
  moments: Schema.Array(Moment),
  seen: Schema.Array(Seen),
})
export type Entry = typeof Entry.Type

export const start = (state: Schema.Json): Balanced => ({ state, sums: {}, moments: [], seen: [] })

/** With the raw losses of one more update. */
export const withLosses = (balanced: Balanced, losses: Readonly<Record<string, number>>): Balanced => {
  const sums = { ...balanced.sums }
  for (const [task, loss] of Object.entries(losses)) {
    const { sum, count } = sums[task] ?? { sum: 0, count: 0 }
    sums[task] = { sum: sum + loss, count: count + 1 }
  }
  return { ...balanced, sums }
}

/** Means of the raw losses since the last moment. */
export const means = ({ sums }: Balanced): Readonly<Record<string, number>> =>
  Object.fromEntries(Object.entries(sums).map(([task, { sum, count }]) => [task, sum / count]))

/** With what was seen of gradients. */
export const withSeen = <P extends { readonly balance?: Balanced }>(progress: P, seen: ReadonlyArray<Seen>): P =>
  progress.balance === undefined || seen.length === 0
    ? progress
    : { ...progress, balance: { ...progress.balance, seen: [...progress.balance.seen, ...seen] } }

/** With a moment now, at which the sums begin anew. */
export const withMoment = (balanced: Balanced, update: number, weights: Readonly<Record<string, number>>): Balanced => {
  const losses = means(balanced)
  const plainSum = Object.values(losses).reduce((sum, loss) => sum + loss, 0)
  return { ...balanced, sums: {}, moments: [...balanced.moments, { update, weights, losses, plainSum }] }
}

/** Norms and cosines from products. */
export const seen = (
  update: number,
  group: string,
  tasks: ReadonlyArray<string>,
  products: ReadonlyArray<ReadonlyArray<number>>,
): Seen => {
  const norms = products.map((row, at) => Math.sqrt(row[at]!))
  const cosines = tasks.flatMap((a, i) =>
    tasks.flatMap((b, j) => {
      const both = norms[i]! * norms[j]!
      return j <= i || both === 0 ? [] : [{ tasks: [a, b] as const, cosine: products[i]![j]! / both }]
    }),
  )
  const reached = tasks.flatMap((task, at) => (norms[at] === 0 ? [] : [[task, norms[at]!] as const]))
  return { update, group, norms: Object.fromEntries(reached), cosines }
}
