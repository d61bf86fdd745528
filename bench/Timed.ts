/**
 * Times that can be compared although the machine's speed drifts: the contenders take turns, one round after the other,
 * and ratios are taken within a round.
 */
import { Clock, Effect } from "effect"

/** Something that can be done again and again; gives the seconds that once took. */
export interface Contender<E = unknown> {
  readonly name: string
  readonly once: Effect.Effect<number, E>
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

/** What an effect gives and the seconds it took. */
export const timed = Effect.fnUntraced(function* <A, E, R>(effect: Effect.Effect<A, E, R>) {
  const start = yield* Clock.currentTimeNanos
  const value = yield* effect
  const end = yield* Clock.currentTimeNanos
  return { value, seconds: Number(end - start) / 1e9 }
})

export const secondsOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<number, E, R> =>
  Effect.map(timed(effect), ({ seconds }) => seconds)

/** Seconds of every contender in every round, after one round that does not count. */
export const interleaved = Effect.fnUntraced(function* <E>(contenders: ReadonlyArray<Contender<E>>, rounds: number) {
  const seconds = contenders.map((): Array<number> => [])
  for (let round = -1; round < rounds; round++) {
    for (const [index, { once }] of contenders.entries()) {
      const took = yield* once
      if (round >= 0) seconds[index]!.push(took)
    }
  }
  return seconds
})

export const spread = (values: ReadonlyArray<number>): Spread => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}
