/**
 * The draws of a phase: for every update the tasks and the examples it takes.
 *
 * Everything is drawn from streams of the phase's seed, a task's examples from one of its own name, so adding a task
 * changes no other's order. A resumed phase draws again from the first and passes over what was taken.
 */
import * as Seed from "@thaw/core/Seed"
import * as Course from "./Course.ts"
import * as Mix from "./Mix.ts"
import * as Quota from "./Quota.ts"
import * as Sampling from "./Sampling.ts"
import * as TaskOrder from "./TaskOrder.ts"
import * as TokenBudget from "./TokenBudget.ts"
import * as Walk from "./Walk.ts"

/** Examples that are drawn for one task, by their positions in that task's training set. */
export interface Part {
  readonly task: string
  readonly rows: ReadonlyArray<number>
}

/**
 * What one update takes: examples of one task or of several, in this order. With a token budget a task may be there
 * several times, once for each micro-batch.
 */
export interface Draw {
  readonly parts: ReadonlyArray<Part>
}

/** The tasks that a draw is made for, each once. */
export const tasksOf = ({ parts }: Draw): ReadonlyArray<string> => [...new Set(parts.map(({ task }) => task))]

/** The draw without what it holds for tasks that are no longer drawn. */
export const without = ({ parts }: Draw, isStopped: (task: string) => boolean): Draw => ({
  parts: parts.filter(({ task }) => !isStopped(task)),
})

/** Micro-batches of so many. */
export const cut = <A>(rows: ReadonlyArray<A>, batch: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(rows.length / batch) }, (_, at) => rows.slice(at * batch, (at + 1) * batch))

/** The draws of a phase of `total` updates, from the first on, without end. Deterministic in the seed. */
export function* draws(course: Course.Course, total: number): Generator<Draw, never, void> {
  const { told, pools, seed } = course
  const walks = pools.map((pool) =>
    Walk.make(
      pool,
      {
        draw: told.draw,
        classes: Sampling.ofTask(told.classes, pool.task),
        curriculum: Sampling.ofTask(told.curriculum, pool.task),
      },
      seed,
      pool.task,
    ),
  )
  const take = taking(course, walks, total)
  for (let update = 0; ; update++) yield { parts: take(Course.momentOf(course, update, total)) }
}

type Take = (moment: Mix.Moment) => ReadonlyArray<Part>

const taking = (course: Course.Course, walks: ReadonlyArray<Walk.Walk>, total: number): Take => {
  const { told } = course
  if (told.batches === "everyTask") return everyTask(course, walks)
  return told.batches === "homogeneous" ? homogeneous(course, walks, total) : heterogeneous(course, walks, total)
}

const homogeneous = (course: Course.Course, walks: ReadonlyArray<Walk.Walk>, total: number): Take => {
  const { told, pools, size, seed } = course
  const order = TaskOrder.make(course, course.perEpoch, total)
  const batchesOf = pools.map(
    ({ task, lengths, size: examples }, at): ((done: number) => ReadonlyArray<ReadonlyArray<number>>) => {
      const walk = walks[at]!
      if (told.tokenBudget === undefined || lengths === undefined) {
        const rows = Math.min(size.batch * size.accumulate, examples)
        return (done) => [Array.from({ length: rows }, () => walk.next(done))]
      }
      const next = TokenBudget.batches(
        told.tokenBudget,
        walk,
        (row) => lengths[row]!,
        Seed.stream(seed, "batches", task),
      )
      return (done) => Array.from({ length: size.accumulate }, () => next(done))
    },
  )
  return (moment) => {
    const at = order(moment)
    const { task } = pools[at]!
    return batchesOf[at]!(moment.done).map((rows) => ({ task, rows }))
  }
}

const heterogeneous = (course: Course.Course, walks: ReadonlyArray<Walk.Walk>, total: number): Take => {
  const { told, pools, size, seed, perEpoch } = course
  const { tokenBudget } = told
  if (tokenBudget === undefined) {
    const rows = size.batch * size.accumulate
    const order = TaskOrder.make(course, perEpoch * rows, total * rows)
    return (moment) => {
      const drawn = Array.from({ length: rows }, () => {
        const at = order(moment)
        return { at, row: walks[at]!.next(moment.done) }
      })
      return grouped(pools, drawn)
    }
  }
  const examples = Math.round(pools.reduce((sum, pool) => sum + (pool.rate ?? 1) * pool.size, 0))
  const order = TaskOrder.make(course, examples, (examples * total) / perEpoch)
  let moment = Mix.start
  let taken = 0
  const source = {
    next: (done: number) => {
      taken = (taken + 1) % examples
      const at = order(moment)
      return { at, row: walks[at]!.next(done) }
    },
    left: () => examples - taken,
  }
  const next = TokenBudget.batches(
    tokenBudget,
    source,
    ({ at, row }) => pools[at]!.lengths?.[row] ?? 0,
    Seed.stream(seed, "batches"),
  )
  return (now) => {
    moment = now
    return Array.from({ length: size.accumulate }, () => next(now.done)).flatMap((batch) => grouped(pools, batch))
  }
}

const everyTask = (course: Course.Course, walks: ReadonlyArray<Walk.Walk>): Take => {
  const { told, pools, size, seed } = course
  const quota = Quota.make(pools.length)
  const stream = Seed.stream(seed, "tasks")
  const free = size.batch * size.accumulate - pools.length
  return (moment) => {
    const shares = Course.sharesAt(course, moment)
    const rows = free + pools.length
    // What is above the one that each has.
    const masses = shares.map((share) => Math.max(0, share * rows - 1))
    const total = masses.reduce((sum, mass) => sum + mass, 0)
    const rest = masses.map((mass) => (total === 0 ? 1 / pools.length : mass / total))
    const counts = Array<number>(pools.length).fill(1)
    if (told.draw === "quota") quota(rest, free).forEach((count, at) => (counts[at]! += count))
    else {
      const pick = Walk.among(rest, stream)
      for (let row = 0; row < free; row++) counts[pick()]! += 1
    }
    return pools.map(({ task }, at) => ({
      task,
      rows: Array.from({ length: counts[at]! }, () => walks[at]!.next(moment.done)),
    }))
  }
}

/** Rows task by task, in the order of the pools. */
const grouped = (
  pools: ReadonlyArray<Course.Pool>,
  rows: ReadonlyArray<{ readonly at: number; readonly row: number }>,
): ReadonlyArray<Part> =>
  pools.flatMap(({ task }, at) => {
    const own = rows.flatMap((each) => (each.at === at ? [each.row] : []))
    return own.length === 0 ? [] : [{ task, rows: own }]
  })
