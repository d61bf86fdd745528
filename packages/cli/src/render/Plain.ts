/** Lines for logs and pipes: every step once when it begins and once when it ends, progress every few seconds. */
import type { RunEvent } from "@thaw/core/RunEvent"
import { Effect } from "effect"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import type * as Renderer from "./Renderer.ts"
import * as RunProgress from "./RunProgress.ts"
import * as Sparkline from "./Sparkline.ts"
import * as StepTree from "./StepTree.ts"

/** Progress lines come at most this often. */
const everyMillis = 5000

export const make: Renderer.Make = (screen) =>
  Effect.sync(() => {
    let state = RunProgress.initial
    let lastProgressAt = 0
    const print = (line: string) => void screen.write(`${line}\n`)
    return {
      show: (event) =>
        Effect.sync(() => {
          const now = Date.now()
          const before = state
          state = RunProgress.after(state, event, now)
          if (event._tag === "update" || event._tag === "progressed") {
            if (now - lastProgressAt < everyMillis) return
            lastProgressAt = now
          }
          // The first progress line of a step comes after a while, not with its first update.
          if (event._tag === "stepStarted" || event._tag === "phaseStarted") lastProgressAt = now
          for (const line of linesFor(event, state, before, now)) print(line)
        }),
      say: (lines) => Effect.sync(() => lines.forEach(print)),
      stopping: () => print("stopping after the update under way; Ctrl-C again ends at once"),
      palette: Ansi.plain,
      columns: Number.POSITIVE_INFINITY,
    }
  })

const linesFor = (
  event: RunEvent,
  state: RunProgress.RunProgress,
  before: RunProgress.RunProgress,
  now: number,
): ReadonlyArray<string> => {
  switch (event._tag) {
    case "runStarted":
      return [`${event.pipeline}: run ${event.run}, seed ${event.seed}`]
    case "planned": {
      const kept = event.steps.filter(({ cached }) => cached === true).length
      return [`plan: ${Figures.several(event.steps.length, "step")}, ${kept} kept from before`]
    }
    case "stepStarted":
      return event.cached ? [] : [`${event.step}: starts (${event.why})`]
    case "stepFinished":
      if (event.cached) return [`${event.step}: kept (${event.why})`]
      return [`${event.step}: done in ${Figures.seconds(event.seconds)}${curve(before, event.step)}`]
    case "phaseStarted": {
      const phase = find(state, event.step)?.phase
      return phase === undefined
        ? []
        : [
            `${event.step}: phase ${event.phase}, ${Figures.several(event.updates, "update")}: ${StepTree.learns(phase)}`,
          ]
    }
    case "update": {
      const phase = find(state, event.step)?.phase
      if (phase === undefined) return []
      const left = RunProgress.secondsLeft(phase.update, phase.updates, phase.startedAt, now)
      return [
        [
          `${event.step}: update ${phase.update}/${phase.updates}`,
          `loss ${Figures.score(phase.loss)}`,
          `${Figures.count(phase.examplesPerSecond)} examples/s`,
          ...(left === undefined ? [] : [`${Figures.clock(left)} left`]),
        ].join("  "),
      ]
    }
    case "progressed":
      return [`${event.step}: ${Figures.count(event.done)}/${Figures.count(event.of)} ${event.unit}`]
    case "evaluated":
      return [`${event.step}: ${StepTree.measured(event)}`]
    case "noticed":
      return [`${event.step}: ${event.message}`]
    case "failed":
      return event.step === null ? [] : [`${event.step}: failed`]
    case "gradients":
    case "saved":
    case "phaseFinished":
    case "runFinished":
      return []
  }
}

const find = (state: RunProgress.RunProgress, label: string) => state.steps.find(({ step }) => step === label)

/** How the loss went, where the step trained. */
const curve = (state: RunProgress.RunProgress, label: string): string => {
  const phase = find(state, label)?.phase
  const drawn = phase === undefined ? "" : Sparkline.draw(phase.losses, 24)
  return phase === undefined || drawn === "" ? "" : `, loss ${Figures.score(phase.loss)} ${drawn}`
}
