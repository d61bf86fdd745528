/**
 * What phases of training took, as measured: the other side of the timeline that the plan shows.
 *
 * ```
 *   phase                           learned  updates   took  updates/s  memory  estimated       work        speed
 *   Train.phase 1, backbone frozen    1.2 k       47  4.1 s       11.5  212 MB     190 MB  1.2 GFLOP  4.1 GFLOP/s
 * ```
 *
 * Memory is the peak of the session process beside what was estimated of it; speed is the work over the seconds that were
 * spent on it, without preparation and evaluation.
 */
import type { Gradients, PhaseFinished, PhaseStarted, RunEvent } from "@thaw/core/RunEvent"
import type * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as Table from "./Table.ts"

/** A phase that ran in this run. */
export interface Measured {
  readonly started: typeof PhaseStarted.Type
  readonly finished: typeof PhaseFinished.Type
  /** What was seen of the tasks' gradients, in order. */
  readonly gradients: ReadonlyArray<typeof Gradients.Type>
}

/** Collects what is said of phases. */
export const watch = (): {
  readonly see: (event: RunEvent) => void
  readonly measured: () => ReadonlyArray<Measured>
} => {
  const started = new Map<string, typeof PhaseStarted.Type>()
  const gradients = new Map<string, ReadonlyArray<typeof Gradients.Type>>()
  const measured: Array<Measured> = []
  return {
    see: (event) => {
      if (event._tag === "phaseStarted") started.set(event.step, event)
      if (event._tag === "gradients") gradients.set(event.step, [...(gradients.get(event.step) ?? []), event])
      const begun = event._tag === "phaseFinished" ? started.get(event.step) : undefined
      if (event._tag === "phaseFinished" && begun !== undefined) {
        measured.push({ started: begun, finished: event, gradients: gradients.get(event.step) ?? [] })
      }
    },
    measured: () => measured,
  }
}

/** Empty where no phase ran. */
export const lines = (
  phases: ReadonlyArray<Measured>,
  palette: Ansi.Palette,
  columns = Number.POSITIVE_INFINITY,
): ReadonlyArray<string> =>
  phases.length === 0
    ? []
    : Table.lines(
        [
          { title: "phase" },
          { title: "learned", align: "right" },
          { title: "updates", align: "right" },
          { title: "took", align: "right" },
          { title: "updates/s", align: "right" },
          { title: "memory", align: "right" },
          { title: "estimated", align: "right" },
          { title: "work", align: "right" },
          { title: "speed", align: "right" },
        ],
        phases.map(({ started, finished: { step, updates, seconds, peakBytes, work, workSeconds } }) => [
          step,
          Figures.short(started.trainableParameters),
          Figures.count(updates),
          Figures.seconds(seconds),
          seconds > 0 ? (updates / seconds).toFixed(1) : "",
          Figures.bytes(peakBytes),
          Figures.bytes(started.estimatedBytes),
          Figures.operations(work),
          workSeconds > 0 ? `${Figures.operations(work / workSeconds)}/s` : "",
        ]),
        palette,
        columns,
      )
