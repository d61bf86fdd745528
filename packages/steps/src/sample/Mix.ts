/**
 * Mixing tasks: how often each task's examples are drawn.
 *
 * Shares are always computed from the raw sizes n_i of the training sets; m_i = repeat_i · min(n_i, cap) is what counts
 * of them, for a task that is to be drawn as if it had fewer or more:
 *
 *   proportional      p_i ∝ m_i
 *   temperature(T)    p_i ∝ m_i^(1/T)               T = 1 proportional, T → ∞ uniform   (T5, arXiv 1910.10683 §3.5.2)
 *   annealed          p_i ∝ n_i^α, α = 1 − fall · e/(E − 1) in epoch e = 0 … E − 1; α = 1 where E = 1
 *                                                   fall 0.8                            (PALs, arXiv 1902.02671 §4.2)
 *   alternate         p_i the same for all, task after task
 *   weights           p_i ∝ w_i
 *   schedule          p_i ∝ w_i(t), t the part of the phase that is done
 *
 * A rehearsed task (its head is frozen, its loss holds the encoder in place) is drawn at a rate r_i of what the mix gives
 * it; of others r_i = 1. So p_i ∝ r_i · (the mix's share).
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Schema } from "effect"

const positive = Schema.Number.check(Schema.isGreaterThan(0))
const notNegative = Schema.Number.check(Schema.isGreaterThanOrEqualTo(0))
const part = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

/** What counts of a task's size. */
const counted = {
  /** No task counts as larger than this. */
  cap: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  /** How many times a task's examples count; 1 where absent. */
  repeat: Schema.optionalKey(Schema.Record(Schema.String, positive)),
}

const Point = Schema.Struct({ at: part, weights: Schema.Record(Schema.String, notNegative) })
export type Point = typeof Point.Type

export const Mix = Schema.Union([
  Schema.TaggedStruct("proportional", counted),
  Schema.TaggedStruct("temperature", { temperature: positive, ...counted }),
  Schema.TaggedStruct("annealed", { fall: part }),
  Schema.TaggedStruct("alternate", { atEnd: Schema.Literals(["stop", "cycle", "drop"]) }),
  Schema.TaggedStruct("weights", { weights: Schema.Record(Schema.String, positive) }),
  Schema.TaggedStruct("schedule", {
    points: Schema.NonEmptyArray(Point),
    between: Schema.Literals(["linear", "hold"]),
  }),
])
export type Mix = typeof Mix.Type

export interface Counted {
  readonly cap?: number
  readonly repeat?: Readonly<Record<string, number>>
}

/** Every example of every task counts the same. */
export const proportional = (counting: Counted = {}): Mix => ({ _tag: "proportional", ...counting })

/** Scarce tasks are drawn more often than their size says, the more so the higher the temperature. */
export const temperature = (options: { readonly temperature: number } & Counted): Mix => ({
  _tag: "temperature",
  ...options,
})

/** Proportional in the first epoch, then closer and closer to the same for all; `fall` is 0.8 unless given. */
export const annealed = (options: { readonly fall?: number } = {}): Mix => ({ _tag: "annealed", fall: 0.8, ...options })

/**
 * Task after task. At the end of the shortest task an epoch ends (`stop`), it begins again (`cycle`), or the others go on
 * without it until each is at its end (`drop`).
 */
export const alternate = (options: { readonly atEnd: "stop" | "cycle" | "drop" }): Mix => ({
  _tag: "alternate",
  ...options,
})

/** Whatever the sizes: `Sample.weights({ topic: 1, mood: 3 })`. */
export const weights = (given: Readonly<Record<string, number>>): Mix => ({ _tag: "weights", weights: given })

/**
 * Weights that change: points over the part of the phase that is done, 0 to 1, and straight lines between them, or each
 * held until the next (`between: "hold"`). Before the first point and after the last they stay as they are there.
 */
export const schedule = (
  points: readonly [Point, ...ReadonlyArray<Point>],
  options: { readonly between?: "linear" | "hold" } = {},
): Mix => ({ _tag: "schedule", points, between: "linear", ...options })

/**
 * The schedule of a function from the part of the phase that is done to weights. It is asked once, here, at `intervals` + 1
 * evenly spaced places (100 unless given), so what counts for the content key is what it says, not how it is written.
 */
export const scheduleOf = (
  weightsAt: (done: number) => Readonly<Record<string, number>>,
  options: { readonly intervals?: number } = {},
): Mix => {
  const { intervals = 100 } = options
  const point = (index: number): Point => ({ at: index / intervals, weights: weightsAt(index / intervals) })
  return schedule([point(0), ...Array.from({ length: intervals }, (_, index) => point(index + 1))])
}

/** A task as the mix sees it. */
export interface Pool {
  readonly task: string
  /** Training examples with a label for the task. */
  readonly size: number
  /** Part of what the mix gives the task that is drawn, for a task that is rehearsed; 1 where absent. */
  readonly rate?: number
}

/** Where in a phase. */
export interface Moment {
  /** From 0. */
  readonly epoch: number
  /** Of the phase, the last perhaps not a whole one; at most, where the phase may end earlier. */
  readonly epochs: number
  /** Part of the phase that is done, 0 to 1. */
  readonly done: number
}

export const start: Moment = { epoch: 0, epochs: 1, done: 0 }

/** How often shares change. */
export const changes = ({ _tag }: Mix): "never" | "epoch" | "update" =>
  _tag === "annealed" ? "epoch" : _tag === "schedule" ? "update" : "never"

/**
 * Probability of each task, in the order of `pools`; sums to 1. A task without examples has none.
 *
 * @param factors what each task's share is multiplied by before all are made to sum to 1; 1 where absent
 */
export const shares = (
  mix: Mix,
  pools: ReadonlyArray<Pool>,
  moment: Moment = start,
  factors: ReadonlyArray<number> = [],
): ReadonlyArray<number> => {
  const massOf = massAt(mix, moment)
  const masses = pools.map((pool, at) => (pool.size === 0 ? 0 : massOf(pool) * (pool.rate ?? 1) * (factors[at] ?? 1)))
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  return masses.map((mass) => (total === 0 ? 0 : mass / total))
}

const massAt = (mix: Mix, { epoch, epochs, done }: Moment): ((pool: Pool) => number) => {
  switch (mix._tag) {
    case "proportional":
      return (pool) => countedSize(mix, pool)
    case "temperature":
      return (pool) => countedSize(mix, pool) ** (1 / mix.temperature)
    case "annealed": {
      const exponent = epochs <= 1 ? 1 : 1 - (mix.fall * Math.min(epoch, epochs - 1)) / (epochs - 1)
      return ({ size }) => size ** exponent
    }
    case "alternate":
      return () => 1
    case "weights":
      return ({ task }) => own(mix.weights, task)
    case "schedule":
      return ({ task }) => scheduled(mix, task, done)
  }
}

const countedSize = ({ cap = Infinity, repeat = {} }: Counted, { task, size }: Pool): number =>
  Math.min(size, cap) * (Object.hasOwn(repeat, task) ? repeat[task]! : 1)

const own = (given: Readonly<Record<string, number>>, task: string): number =>
  Object.hasOwn(given, task) ? given[task]! : 0

const scheduled = ({ points, between }: Extract<Mix, { _tag: "schedule" }>, task: string, done: number): number => {
  const next = points.findIndex(({ at }) => at > done)
  if (next === 0) return own(points[0].weights, task)
  const before = points.at(next === -1 ? -1 : next - 1)!
  const from = own(before.weights, task)
  if (next === -1 || between === "hold") return from
  const after = points[next]!
  return from + ((own(after.weights, task) - from) * (done - before.at)) / (after.at - before.at)
}

/** Throws `PipelineInvalid` on a name in the mix that is no task's, with the nearest one. */
export const check = (mix: Mix, tasks: ReadonlyArray<string>, where: string): void => {
  if (mix._tag === "proportional" || mix._tag === "temperature") checkNames(mix.repeat ?? {}, tasks, `${where}, repeat`)
  if (mix._tag === "weights") checkNames(mix.weights, tasks, where)
  if (mix._tag === "schedule")
    for (const { at, weights: given } of mix.points) checkNames(given, tasks, pointAt(where, at))
}

/** Throws `PipelineInvalid` on names that are no tasks'. */
export const checkNames = (
  given: Readonly<Record<string, unknown>>,
  tasks: ReadonlyArray<string>,
  where: string,
): void => {
  const unknown = Object.keys(given).find((task) => !tasks.includes(task))
  if (unknown === undefined) return
  throw new PipelineInvalid({
    where,
    expected: `names of tasks: ${Problem.list(tasks)}`,
    got: JSON.stringify(unknown),
    advice: Problem.suggestion(unknown, tasks),
  })
}

/**
 * Throws `PipelineInvalid` where the mix gives a task no weight, where a schedule gives none of them any, and on points out
 * of order.
 *
 * @param tasks that are drawn
 */
export const requireWeights = (mix: Mix, tasks: ReadonlyArray<string>, where: string): void => {
  if (mix._tag === "weights") requireEach(mix.weights, tasks, where)
  if (mix._tag !== "schedule") return
  mix.points.forEach(({ at, weights: given }, index) => {
    const before = mix.points[index - 1]
    requireEach(given, tasks, pointAt(where, at))
    if (before !== undefined && at <= before.at) {
      throw new PipelineInvalid({
        where,
        expected: "points in ascending order, each at a place of its own",
        got: `${at} after ${before.at}`,
        advice: "",
      })
    }
    if (!tasks.some((task) => given[task]! > 0)) {
      throw new PipelineInvalid({
        where: pointAt(where, at),
        expected: `a weight above 0 for one of ${Problem.list(tasks)}`,
        got: "none",
        advice: "",
      })
    }
  })
}

const pointAt = (where: string, at: number): string => `${where}, point at ${at}`

const requireEach = (given: Readonly<Record<string, number>>, tasks: ReadonlyArray<string>, where: string): void => {
  const missing = tasks.filter((task) => !Object.hasOwn(given, task))
  if (missing.length === 0) return
  throw new PipelineInvalid({
    where,
    expected: "a weight for every task",
    got: `none for ${Problem.list(missing)}`,
    advice: "A task that is not to be drawn is left out of the phase's tasks.",
  })
}
