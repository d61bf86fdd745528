/** Ctrl-C while a run goes on: said at once, and at the end what is kept and what starts again. */
import type { RunEvent } from "@thaw/core/RunEvent"
import { Effect } from "effect"
import type { Scope } from "effect"
import * as Figures from "./render/Figures.ts"
import type { Renderer } from "./render/Renderer.ts"
import * as RunProgress from "./render/RunProgress.ts"

export interface Watched {
  /** Shows what the other one shows, and remembers how far the run came. */
  readonly renderer: Renderer
  /** What to tell when the run was stopped; `again` is the command that goes on. */
  readonly farewell: (again: string) => ReadonlyArray<string>
}

/** Until the scope ends. */
export const watch = Effect.fnUntraced(function* (renderer: Renderer): Effect.fn.Return<Watched, never, Scope.Scope> {
  let state = RunProgress.initial
  yield* Effect.acquireRelease(
    Effect.sync(() => void process.once("SIGINT", renderer.stopping)),
    () => Effect.sync(() => void process.off("SIGINT", renderer.stopping)),
  )
  return {
    renderer: {
      ...renderer,
      show: (event: RunEvent) =>
        Effect.suspend(() => {
          state = RunProgress.after(state, event, Date.now())
          return renderer.show(event)
        }),
    },
    farewell: (again) => {
      const kept = RunProgress.kept(state)
      const cut = RunProgress.cutShort(state)
      const of = state.steps.length
      return [
        "",
        `${renderer.palette.warn("stopped")}: ${kept.length === 0 ? "no step was finished" : `${kept.length} of ${Figures.several(of, "step")} ${kept.length === 1 ? "is" : "are"} kept`}${cut
          .map(next)
          .join("")}`,
        `to go on: ${again}`,
      ]
    },
  }
})

/** What a step that was cut short does next time. */
const next = ({ step, saved }: RunProgress.StepProgress): string =>
  saved === undefined
    ? `; ${step} starts again next time`
    : `; ${step} goes on after update ${Figures.count(saved.update)} of ${Figures.count(saved.of)}`
