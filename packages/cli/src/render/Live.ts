/**
 * The picture of a run on a terminal, redrawn in place at most ten times a second.
 *
 * A redraw is one write: back to the first line of the picture, each line with what is right of it cleared, then what
 * is below. Nothing is cleared before it is drawn again, so nothing flickers. The cursor is hidden meanwhile and comes
 * back however the process ends, a second Ctrl-C included.
 */
import type { RunEvent } from "@thaw/core/RunEvent"
import { Effect } from "effect"
import type { Scope } from "effect"
import * as Ansi from "./Ansi.ts"
import * as Console from "./Console.ts"
import type * as Renderer from "./Renderer.ts"
import * as RunProgress from "./RunProgress.ts"
import * as StepTree from "./StepTree.ts"

const everyMillis = 100

const hideCursor = "\x1b[?25l"
const showCursor = "\x1b[?25h"
const clearRight = "\x1b[K"
const clearBelow = "\x1b[J"
const up = (lines: number) => (lines === 0 ? "" : `\x1b[${lines}A`)

export const make: Renderer.Make = Effect.fnUntraced(function* (screen): Effect.fn.Return<
  Renderer.Renderer,
  never,
  Scope.Scope
> {
  const palette = Ansi.paletteOf(screen)
  let state = RunProgress.initial
  /** Lines of the picture that stand on the screen. */
  let drawn = 0
  let live = false

  const frame = () => ({
    columns: Math.max(20, screen.columns ?? 80),
    // One row stays free for the cursor, else the picture scrolls and is drawn beside itself.
    rows: Math.max(3, (screen.rows ?? 24) - 1),
    palette,
    now: Date.now(),
  })
  /** Prints lines above the picture, then the picture. */
  const draw = (above: ReadonlyArray<string> = []) => {
    const picture = live ? StepTree.lines(state, frame()) : []
    const text = [...above, ...picture].map((line) => `${line}${clearRight}\n`).join("")
    screen.write(`\r${up(drawn)}${text}${clearBelow}`)
    drawn = picture.length
  }
  const begin = () => {
    live = true
    screen.write(hideCursor)
  }
  /** The last picture stays; what is printed afterwards goes below it. */
  const end = () => {
    if (!live) return
    draw()
    live = false
    drawn = 0
    screen.write(showCursor)
  }

  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const timer = setInterval(() => live && draw(), everyMillis)
      process.on("exit", end)
      return timer
    }),
    (timer) =>
      Effect.sync(() => {
        clearInterval(timer)
        process.off("exit", end)
        end()
      }),
  )
  yield* Console.divert((line) => draw([line]))

  return {
    show: (event: RunEvent) =>
      Effect.sync(() => {
        state = RunProgress.after(state, event, Date.now())
        if (event._tag === "runStarted") {
          const facts = palette.dim(`seed ${event.seed} · run ${event.run}`)
          draw(["", `${palette.bold(event.pipeline)}  ${facts}`, ""])
        }
        if (event._tag === "planned") begin()
        if (event._tag === "noticed") {
          draw([Ansi.cut(`  ${palette.warn("!")} ${event.step}: ${Ansi.tame(event.message)}`, 4 * frame().columns)])
        }
        if (event._tag === "runFinished" || event._tag === "failed") end()
      }),
    say: (lines) => Effect.sync(() => draw(lines)),
    stopping: () => {
      state = { ...state, stopping: true }
      draw()
    },
    palette,
    columns: frame().columns,
  }
})
