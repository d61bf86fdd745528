/** A step tells how far its downloads have come, in kilobytes. */
import { RunEvents } from "@thaw/core/RunEvent"
import { StepRun } from "@thaw/core/Step"
import { Effect } from "effect"
import type { Report } from "./Snapshot.ts"

export const report: Effect.Effect<Report, never, RunEvents | StepRun> = Effect.gen(function* () {
  const { emit } = yield* RunEvents
  const { label: step } = yield* StepRun
  const kilobytes = (bytes: number) => Math.ceil(bytes / 1000)
  return (done, of) => emit({ _tag: "progressed", step, done: kilobytes(done), of: kilobytes(of), unit: "kB" })
})
