/** Examples per second over about the last second. */
import { Clock, Effect } from "effect"

/** Counts these many examples more and gives the speed. */
export type Speedometer = (examples: number) => Effect.Effect<number>

export const make: Effect.Effect<Speedometer> = Effect.gen(function* () {
  let since = yield* Clock.currentTimeMillis
  let examples = 0
  let rate = 0
  return (size) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      examples += size
      const seconds = (now - since) / 1000
      if (rate === 0 || seconds >= 1) rate = examples / Math.max(seconds, 1e-3)
      if (seconds >= 1) {
        since = now
        examples = 0
      }
      return rate
    })
})
