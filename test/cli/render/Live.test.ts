import type { RunEvent } from "@thaw/core/RunEvent"
import { Effect, Fiber } from "effect"
import * as Live from "@thaw/cli/render/Live"
import { describe, expect, it } from "vitest"

/** As much of a terminal as the renderer uses: rows of text, a cursor, and an error for every sequence not known here. */
const terminal = (columns = 80, rows = 24) => {
  const lines: Array<string> = [""]
  let row = 0
  let column = 0
  let cursor = true
  let writes = 0
  const write = (text: string) => {
    writes++
    // oxlint-disable-next-line no-control-regex -- escape sequences are control characters
    for (const part of text.match(/\x1b\[\??[0-9;]*[A-Za-z]|[^]/gu) ?? []) {
      if (part === "\r") column = 0
      else if (part === "\n") {
        row++
        column = 0
        lines[row] ??= ""
      } else if (part.startsWith("\x1b[") && part.endsWith("A")) row = Math.max(0, row - Number(part.slice(2, -1)))
      else if (part === "\x1b[K") lines[row] = lines[row]!.slice(0, column)
      else if (part === "\x1b[J") {
        lines[row] = lines[row]!.slice(0, column)
        lines.length = row + 1
      } else if (part === "\x1b[?25l") cursor = false
      else if (part === "\x1b[?25h") cursor = true
      else if (part.endsWith("m") && part.length > 1) continue
      else if (part.startsWith("\x1b")) throw new Error(`unknown sequence ${JSON.stringify(part)}`)
      else {
        lines[row] = lines[row]!.slice(0, column).padEnd(column) + part + lines[row]!.slice(column + 1)
        column++
      }
    }
  }
  return { screen: { write, isTTY: true, columns, rows }, lines, cursor: () => cursor, writes: () => writes }
}

const begin: ReadonlyArray<RunEvent> = [
  { _tag: "runStarted", run: "r1", pipeline: "triage", seed: 7 },
  {
    _tag: "planned",
    steps: [
      { step: "load", cached: true, why: "nothing changed" },
      { step: "train", cached: false, why: "" },
    ],
  },
  { _tag: "stepFinished", step: "load", cached: true, why: "", seconds: 0, outputs: {} },
  { _tag: "stepStarted", step: "train", cached: false, why: "" },
]
const done: RunEvent = { _tag: "runFinished", run: "r1", status: "done", seconds: 1, outputs: {}, metrics: {} }
const trained: RunEvent = { _tag: "stepFinished", step: "train", cached: false, why: "", seconds: 2, outputs: {} }

describe("the live picture", () => {
  it("is redrawn in place, and the last one stays above what is said afterwards", async () => {
    const { screen, lines, cursor } = terminal()
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const renderer = yield* Live.make(screen)
          for (const event of begin) yield* renderer.show(event)
          yield* Effect.sleep(250)
          expect(cursor()).toBe(false)
          expect(lines).toEqual([
            "",
            "triage  seed 7 · run r1",
            "",
            "  ✓ load   kept, nothing changed",
            "  ● train  0:00",
            "",
          ])
          yield* renderer.show({ _tag: "noticed", step: "train", message: "3 texts have no mood" })
          yield* renderer.show(trained)
          yield* renderer.show(done)
          yield* renderer.say(["", "done"])
        }),
      ),
    )
    expect(cursor()).toBe(true)
    expect(lines).toEqual([
      "",
      "triage  seed 7 · run r1",
      "",
      "  ! train: 3 texts have no mood",
      "  ✓ load   kept, nothing changed",
      "  ✓ train  2.0 s",
      "",
      "done",
      "",
    ])
  })

  it("prints what steps print above itself", async () => {
    const { screen, lines } = terminal()
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const renderer = yield* Live.make(screen)
          for (const event of begin) yield* renderer.show(event)
          console.log("from a step")
        }),
      ),
    )
    expect(lines.slice(2)).toEqual(["", "from a step", "  ✓ load   kept, nothing changed", "  ● train  0:00", ""])
  })

  it("gives the cursor back when the run is interrupted", async () => {
    const { screen, cursor } = terminal()
    const fiber = Effect.runFork(
      Effect.scoped(
        Effect.gen(function* () {
          const renderer = yield* Live.make(screen)
          for (const event of begin) yield* renderer.show(event)
          yield* Effect.never
        }),
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(cursor()).toBe(false)
    await Effect.runPromise(Fiber.interrupt(fiber))
    expect(cursor()).toBe(true)
  })

  it("draws at most ten times a second, however many updates there are", async () => {
    const { screen, writes } = terminal()
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const renderer = yield* Live.make(screen)
          for (const event of begin) yield* renderer.show(event)
          const before = writes()
          for (let update = 1; update <= 500; update++) {
            yield* renderer.show({
              _tag: "update",
              step: "train",
              phase: 0,
              update,
              task: "topic",
              loss: 1,
              learningRate: 1,
              examplesPerSecond: 1,
            })
            if (update % 10 === 0) yield* Effect.sleep(10)
          }
          expect(writes() - before).toBeLessThanOrEqual(15)
        }),
      ),
    )
  })
})
