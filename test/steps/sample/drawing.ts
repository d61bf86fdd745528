/** Draws of made-up tasks. */
import * as Seed from "@thaw/core/Seed"
import * as Course from "@thaw/steps/sample/Course"
import * as Draws from "@thaw/steps/sample/Draws"
import * as Sampling from "@thaw/steps/sample/Sampling"

export const seed = Seed.make(7, "Train")

export interface Given extends Partial<Sampling.Sampling> {
  readonly pools: ReadonlyArray<Course.Pool>
  readonly batch?: number
  readonly accumulate?: number
  readonly seed?: Seed.Seed
}

export const course = ({ pools, batch = 8, accumulate = 1, seed: given = seed, ...told }: Given): Course.Course =>
  Course.of({ ...Sampling.defaults, ...told }, pools, { batch, accumulate }, given)

/** Draws of a phase that is so many updates long, three epochs unless given. */
export const start = (given: Given, total?: number): Iterator<Draws.Draw, never> => {
  const of = course(given)
  return Draws.draws(of, total ?? 3 * of.perEpoch)
}

export const take = (draws: Iterator<Draws.Draw, never>, count: number): ReadonlyArray<Draws.Draw> =>
  Array.from({ length: count }, () => draws.next().value)

/** The first draws, all of them unless given. */
export const first = (given: Given, total?: number, count?: number): ReadonlyArray<Draws.Draw> =>
  take(start(given, total), count ?? total ?? 3 * course(given).perEpoch)

export const parts = (draws: ReadonlyArray<Draws.Draw>) => draws.flatMap((draw) => draw.parts)

/** Rows that were drawn for a task, in order. */
export const rowsOf = (draws: ReadonlyArray<Draws.Draw>, task: string): ReadonlyArray<number> =>
  parts(draws).flatMap((part) => (part.task === task ? part.rows : []))

/** How often each of so many rows was drawn. */
export const times = (rows: ReadonlyArray<number>, size: number): ReadonlyArray<number> => {
  const counts = Array<number>(size).fill(0)
  for (const row of rows) counts[row]! += 1
  return counts
}

export const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)
