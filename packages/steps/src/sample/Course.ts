/**
 * The course of a phase: how many updates an epoch has, and what shares the tasks have at each of them.
 *
 * An epoch is ⌈Σ r_i · u_i⌉ updates whatever the mix, where u_i are the updates that one pass over task i's examples takes:
 * n_i / batch, or with a token budget the batches they fill. Only where tasks alternate does an epoch end when the shortest
 * is at its end (`stop`), or when each is at its own (`drop`).
 *
 * The mix's shares are those of updates. With a token budget they are shares of examples, and updates follow: a task of
 * long texts needs more of them. In heterogeneous batches they are shares of rows.
 */
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Seed from "@thaw/core/Seed"
import type { Length } from "../training/Settings.ts"
import * as Curriculum from "./Curriculum.ts"
import * as Mix from "./Mix.ts"
import * as Sampling from "./Sampling.ts"
import * as TokenBudget from "./TokenBudget.ts"
import * as Walk from "./Walk.ts"

/** A task's examples as the draws see them. */
export interface Pool extends Mix.Pool, Omit<Walk.Rows, "size"> {
  /** Tokens of each example; needed for a token budget only. */
  readonly lengths?: ArrayLike<number>
}

/** How large an update is. */
export interface Size {
  /** Examples of one micro-batch; not used with a token budget. */
  readonly batch: number
  /** Micro-batches of one update. */
  readonly accumulate: number
}

/** What is to be drawn, and how long an epoch of it is. */
export interface Course {
  readonly told: Sampling.Sampling
  readonly pools: ReadonlyArray<Pool>
  readonly size: Size
  readonly seed: Seed.Seed
  /** By pool: updates that one pass takes. */
  readonly updates: ReadonlyArray<number>
  readonly perEpoch: number
}

/**
 * Throws `InvalidData` when a task has no examples (it would never be drawn, and nobody would be told), and
 * `PipelineInvalid` when the mix gives a task no weight, when batches that are to hold every task have no room for them,
 * and on ways to make batches that contradict each other.
 */
export const of = (told: Sampling.Sampling, pools: ReadonlyArray<Pool>, size: Size, seed: Seed.Seed): Course => {
  const empty = pools.filter((pool) => pool.size === 0).map(({ task }) => task)
  if (empty.length > 0 || pools.length === 0) {
    throw new InvalidData({
      where: "mix",
      expected: "training examples for every task",
      got: pools.length === 0 ? "no tasks" : `none for ${Problem.list(empty)}`,
      advice: "",
    })
  }
  Sampling.checkBatches(told)
  Mix.requireWeights(
    told.mix,
    pools.map(({ task }) => task),
    "mix",
  )
  if (told.batches === "everyTask" && size.batch * size.accumulate < pools.length) {
    throw new PipelineInvalid({
      where: "batch",
      expected: `at least ${pools.length} examples an update, one for each task`,
      got: String(size.batch * size.accumulate),
      advice: "",
    })
  }
  const updates = pools.map((pool) => passOf(told, pool, size, seed))
  return { told, pools, size, seed, updates, perEpoch: epochOf(told, pools, updates) }
}

const passOf = (
  { tokenBudget }: Pick<Sampling.Sampling, "tokenBudget">,
  pool: Pool,
  { batch, accumulate }: Size,
  seed: Seed.Seed,
): number => {
  const { lengths } = pool
  if (tokenBudget === undefined || lengths === undefined) return pool.size / (batch * accumulate)
  // As the walk of a task that is drawn by quota begins.
  const walk = Walk.make({ size: pool.size }, Walk.plain, seed, pool.task)
  return TokenBudget.inPass(tokenBudget, walk, (row) => lengths[row]!).length / accumulate
}

/**
 * Updates of one epoch.
 *
 * @param updates of a pass over each pool
 */
export const epochOf = (
  { mix }: Pick<Sampling.Sampling, "mix">,
  pools: ReadonlyArray<Mix.Pool>,
  updates: ReadonlyArray<number>,
): number => {
  const counted = pools.map(({ rate = 1 }, at) => rate * updates[at]!)
  if (mix._tag === "alternate" && mix.atEnd === "drop") return counted.reduce((sum, each) => sum + up(each), 0)
  if (mix._tag === "alternate" && mix.atEnd === "stop") {
    const rates = pools.reduce((sum, { rate = 1 }) => sum + rate, 0)
    const trained = pools.flatMap(({ rate }, at) => ((rate ?? 1) === 1 ? [up(updates[at]!)] : []))
    return up(Math.min(...(trained.length === 0 ? updates : trained)) * rates)
  }
  return up(counted.reduce((sum, each) => sum + each, 0))
}

/** Rates are no whole numbers: their rounding makes no update. */
export const up = (value: number): number => Math.max(1, Math.ceil(value - 1e-9 * value))

/** Updates that a phase makes at most. */
export const updatesOf = (length: Length, perEpoch: number): number =>
  "updates" in length
    ? length.updates
    : Math.max(1, Math.round(perEpoch * ("epochs" in length ? length.epochs : length.converged.maxEpochs)))

/** Where a phase of `total` updates is before its update `update`. */
export const momentOf = ({ perEpoch }: Pick<Course, "perEpoch">, update: number, total: number): Mix.Moment => ({
  epoch: Math.floor(update / perEpoch),
  epochs: Math.ceil(total / perEpoch),
  done: Math.min(1, update / total),
})

/** Each task's share of the updates, in heterogeneous batches of the rows. */
export const sharesAt = (
  { told, pools, updates }: Pick<Course, "told" | "pools" | "updates">,
  moment: Mix.Moment,
): ReadonlyArray<number> => {
  const factors = Curriculum.factors(told.introduction, pools, moment.done)
  const introduced = Mix.shares(told.mix, pools, moment, factors)
  // Where all that the mix draws now were to come in later, none of them has to wait.
  const shares = introduced.some((share) => share > 0) ? introduced : Mix.shares(told.mix, pools, moment)
  if (told.tokenBudget === undefined || told.batches !== "homogeneous" || told.mix._tag === "alternate") return shares
  const masses = shares.map((share, at) => (share * updates[at]!) / pools[at]!.size)
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  return masses.map((mass) => mass / total)
}

/** How often the shares change. */
export const changes = ({ mix, introduction }: Sampling.Sampling): "never" | "epoch" | "update" =>
  introduction !== undefined ? "update" : Mix.changes(mix)

/** Examples that an update of each task takes; in heterogeneous batches, that any takes. */
export const rowsOf = ({ told, size, pools, updates }: Course): ReadonlyArray<number> =>
  pools.map((pool, at) => {
    if (told.tokenBudget !== undefined) return pool.size / updates[at]!
    const rows = size.batch * size.accumulate
    return told.batches === "homogeneous" ? Math.min(rows, pool.size) : rows
  })

/** By pool: examples that so many updates are expected to draw, repeats counted. */
export const examples = (course: Course, total: number): ReadonlyArray<number> => {
  const rows = rowsOf(course)
  const epochs = expected(course, total)
  return course.pools.map((_, at) => epochs.reduce((sum, { updates }) => sum + updates[at]!, 0) * rows[at]!)
}

/** How often each task is expected to be drawn in one epoch. */
export interface Expected {
  readonly shares: ReadonlyArray<number>
  /** Updates; where batches are heterogeneous, as many as its rows would fill. */
  readonly updates: ReadonlyArray<number>
}

/** Places of an epoch that are looked at where shares change from update to update. */
const lookedAt = 32

/** Epoch by epoch; the last may be a part of one. */
export const expected = (course: Course, total: number): ReadonlyArray<Expected> => {
  const { perEpoch, told, pools } = course
  const places = changes(told) === "update" ? lookedAt : 1
  return Array.from({ length: Math.ceil(total / perEpoch) }, (_, epoch) => {
    const first = epoch * perEpoch
    const length = Math.min(perEpoch, total - first)
    const sums = pools.map(() => 0)
    for (let place = 0; place < places; place++) {
      const moment = { ...momentOf(course, first, total), done: (first + ((place + 0.5) / places) * length) / total }
      sharesAt(course, moment).forEach((share, at) => (sums[at]! += share / places))
    }
    return { shares: sums, updates: sums.map((share) => share * length) }
  })
}

/** Fewer updates than this on average round to none. */
const least = 0.5

/** A task that is drawn too rarely; risky where it may not be trained at all. */
export interface Starved {
  readonly risky: boolean
  readonly message: string
}

/** Tasks that are drawn so rarely that an epoch, or the whole phase, may have no update for them. */
export const starved = (course: Course, total: number): ReadonlyArray<Starved> => {
  const { batches } = course.told
  if (batches === "everyTask") return []
  const epochs = expected(course, total)
  const rows = rowsOf(course)
  const advice = "Raise its share: Sample.temperature, Sample.weights, or repeat."
  return course.pools.flatMap(({ task }, at): ReadonlyArray<Starved> => {
    // Where batches are heterogeneous one row makes an update have the task.
    const updates = epochs.map((epoch) => epoch.updates[at]! * (batches === "heterogeneous" ? rows[at]! : 1))
    const all = updates.reduce((sum, each) => sum + each, 0)
    if (all < least) {
      const message = `${task} is drawn in ${short(all)} of ${total} updates, so perhaps in none. ${advice}`
      return [{ risky: true, message }]
    }
    // The last epoch may be a part of one, and tasks that come in later have none in the first.
    const most = Math.max(...updates)
    return most >= least
      ? []
      : [
          {
            risky: false,
            message: `${task} is drawn in ${short(most)} updates an epoch, so in some epochs in none. ${advice}`,
          },
        ]
  })
}

const short = (value: number): string => String(Number(value.toPrecision(2)))
