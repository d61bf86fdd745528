/**
 * Which task is drawn next, update by update, or row by row where batches are heterogeneous.
 *
 * | shares               | quota                                          | independent           |
 * | -------------------- | ---------------------------------------------- | --------------------- |
 * | the same in an epoch | as many as the share says, in random order     | each by its share     |
 * | other at each update | the task that is furthest behind its share     | each by its share     |
 * | alternate            | in turn                                        | in turn               |
 */
import * as Seed from "@thaw/core/Seed"
import * as Course from "./Course.ts"
import type * as Mix from "./Mix.ts"
import * as Quota from "./Quota.ts"
import * as Walk from "./Walk.ts"

/** Gives the next task: a position among the pools. */
export type TaskOrder = (moment: Mix.Moment) => number

/**
 * Deterministic in the course's seed.
 *
 * @param units of an epoch: updates, or rows
 * @param all units of the phase
 */
export const make = (course: Course.Course, units: number, all: number): TaskOrder => {
  const { told, pools, seed } = course
  const stream = Seed.stream(seed, "tasks")
  const { mix } = told
  if (mix._tag === "alternate" && mix.atEnd === "drop") return dropping(course)
  if (mix._tag !== "alternate" && told.draw === "independent") {
    const pick = remembered((moment) => Walk.among(Course.sharesAt(course, moment), stream))
    return (moment) => pick(moment)()
  }
  if (mix._tag === "alternate" || Course.changes(told) === "update") {
    const next = Quota.oneByOne(pools.length)
    const shares = remembered((moment) => Course.sharesAt(course, moment))
    return (moment) => next(shares(moment))
  }
  const quota = Quota.make(pools.length)
  let order = new Uint32Array(0)
  let at = 0
  let epoch = 0
  return () => {
    if (at === order.length) {
      const moment = { epoch, epochs: Math.ceil(all / units), done: Math.min(1, (epoch * units) / all) }
      order = Quota.positions(quota(Course.sharesAt(course, moment), units))
      Walk.shuffle(order, stream)
      at = 0
      epoch++
    }
    return order[at++]!
  }
}

/** The rows of one update are drawn at one and the same moment. */
const remembered = <A>(of: (moment: Mix.Moment) => A): ((moment: Mix.Moment) => A) => {
  let last: { readonly moment: Mix.Moment; readonly value: A } | undefined
  return (moment) => {
    if (last?.moment !== moment) last = { moment, value: of(moment) }
    return last.value
  }
}

/** In turn, without those that are at their end, until all are. */
const dropping = ({ pools, updates }: Course.Course): TaskOrder => {
  const counts = pools.map(({ rate = 1 }, at) => Course.up(rate * updates[at]!))
  let left = [...counts]
  let last = -1
  return () => {
    if (left.every((count) => count === 0)) {
      left = [...counts]
      last = -1
    }
    do last = (last + 1) % pools.length
    while (left[last] === 0)
    left[last]! -= 1
    return last
  }
}
