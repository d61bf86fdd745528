/**
 * Dynamic weight average (Liu, Johns & Davison 2019, arXiv 1803.10704, eq. 7): a task whose loss falls more slowly than
 * the others' counts more. With L_i(e) the mean of a task's raw loss in window e, from 0, and K tasks:
 *
 *   r_i = L_i(e − 1) / L_i(e − 2)      w_i = K · exp(r_i/T) / Σ_j exp(r_j/T)      w = 1 in the first two windows
 *
 * A task without a loss in a window keeps its mean of before, and one without any counts as if its loss stood still.
 */
import { Schema } from "effect"
import * as Method from "./Method.ts"

export const DynamicWeightAverage = Schema.TaggedStruct("dynamicWeightAverage", {
  /** Updates, or those of an epoch. */
  window: Schema.Union([Schema.Int.check(Schema.isGreaterThan(0)), Schema.Literal("epoch")]),
  /** T: the higher, the more alike the weights. */
  temperature: Schema.Number.check(Schema.isGreaterThan(0)),
})
export type DynamicWeightAverage = typeof DynamicWeightAverage.Type

const Numbers = Schema.Record(Schema.String, Schema.Number)

const State = Schema.Struct({
  /** Updates in the window under way. */
  updates: Schema.Int,
  /** Of the window under way, by task. */
  sums: Numbers,
  counts: Numbers,
  /** Windows that ended. */
  windows: Schema.Int,
  /** Means of the last window that ended and of the one before it. */
  last: Numbers,
  before: Numbers,
  weights: Numbers,
})
type State = typeof State.Type

export const machine = (
  { window, temperature }: DynamicWeightAverage,
  { tasks, perEpoch }: Pick<Method.World, "tasks" | "perEpoch">,
): Method.Machine => {
  const length = window === "epoch" ? perEpoch : window
  const start: State = {
    updates: 0,
    sums: {},
    counts: {},
    windows: 0,
    last: {},
    before: {},
    weights: Method.each(tasks, () => 1),
  }
  return Method.make<State>({
    state: State,
    start,
    weights: ({ weights }) => Method.each(tasks, (task) => weights[task] ?? 1),
    updated: (state, { losses }) => {
      const sums = { ...state.sums }
      const counts = { ...state.counts }
      for (const [task, loss] of Object.entries(losses)) {
        sums[task] = (sums[task] ?? 0) + loss
        counts[task] = (counts[task] ?? 0) + 1
      }
      const updates = state.updates + 1
      const under = { ...state, updates, sums, counts }
      return updates < length ? under : closed(under, tasks, temperature)
    },
  })
}

const closed = (state: State, tasks: ReadonlyArray<string>, temperature: number): State => {
  const means = Object.entries(state.sums).map(([task, sum]) => [task, sum / state.counts[task]!] as const)
  const last = { ...state.last, ...Object.fromEntries(means) }
  const before = state.last
  const windows = state.windows + 1
  const ratio = (task: string) =>
    last[task] === undefined || before[task] === undefined ? 1 : last[task] / before[task]
  const weights =
    windows < 2
      ? state.weights
      : Method.summingTo(
          Method.each(tasks, (task) => Math.exp(ratio(task) / temperature)),
          tasks.length,
        )
  return { updates: 0, sums: {}, counts: {}, windows, last, before, weights }
}
