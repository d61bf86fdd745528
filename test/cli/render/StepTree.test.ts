import type { RunEvent } from "@thaw/core/RunEvent"
import * as fc from "fast-check"
import * as Ansi from "@thaw/cli/render/Ansi"
import * as RunProgress from "@thaw/cli/render/RunProgress"
import * as StepTree from "@thaw/cli/render/StepTree"
import { describe, expect, it } from "vitest"

const folded = (events: ReadonlyArray<RunEvent>, from = RunProgress.initial): RunProgress.RunProgress =>
  events.reduce((state, event, i) => RunProgress.after(state, event, i * 1000), from)

const planned = (...steps: ReadonlyArray<string>): RunEvent => ({
  _tag: "planned",
  steps: steps.map((step) => ({ step, cached: null, why: "" })),
})
const started = (step: string): RunEvent => ({ _tag: "stepStarted", step, cached: false, why: "" })
const finished = (step: string, cached = false): RunEvent => ({
  _tag: "stepFinished",
  step,
  cached,
  why: "",
  seconds: 4,
  outputs: {},
})
const phase = (step: string, updates: number): RunEvent => ({
  _tag: "phaseStarted",
  step,
  phase: 0,
  trainable: ["head.topic"],
  frozenBytes: 0,
  trainableParameters: 771,
  boundary: null,
  updates,
  estimatedBytes: 150_000_000,
})
const update = (step: string, number: number, loss: number): RunEvent => ({
  _tag: "update",
  step,
  phase: 0,
  update: number,
  task: "topic",
  loss,
  learningRate: 0.1,
  examplesPerSecond: 1240.4,
})

const frame = (now: number, columns = 100, rows = 24): StepTree.Frame => ({ columns, rows, palette: Ansi.plain, now })

describe("the picture of a run", () => {
  it("marks steps that are kept, done, running and waiting", () => {
    const state = folded([planned("a", "b", "c", "d"), finished("a", true), started("b"), finished("b"), started("c")])
    expect(StepTree.lines(state, frame(9000))).toEqual([
      "  ✓ a  kept, nothing changed",
      "  ✓ b  4.0 s",
      "  ● c  0:05",
      "  · d  waits",
    ])
  })

  it("shows what learns, the updates made, loss, speed and the time that is left", () => {
    const state = folded([planned("t"), started("t"), phase("t", 40), ...[1, 2, 3, 4].map((n) => update("t", n, 2))])
    // The phase began at 2 s; four of forty updates took until 10 s, so 36 more take 72 s.
    expect(StepTree.lines(state, frame(10_000))).toEqual([
      "  ● t  0:09",
      "      head.topic learns (771 parameters), nothing frozen",
      `      ${"━".repeat(3)}${"─".repeat(27)}  4/40 updates  loss 2.000  ▁▁▁▁  1,240 examples/s  1:12 left`,
    ])
  })

  it("keeps the loss curve and the last validation of a step that is done", () => {
    const state = folded([
      planned("t"),
      started("t"),
      phase("t", 2),
      update("t", 1, 2),
      update("t", 2, 1),
      { _tag: "evaluated", step: "t", phase: 0, task: "topic", split: "validation", metrics: { accuracy: 0.5 } },
      { _tag: "evaluated", step: "t", phase: 0, task: "topic", split: "validation", metrics: { accuracy: 0.75 } },
      finished("t"),
    ])
    expect(StepTree.lines(state, frame(9000))).toEqual([
      "  ✓ t  4.0 s",
      "      2 updates  loss 1.900  █▁",
      "      topic validation: accuracy 0.750",
    ])
  })

  it("marks the failed step and those that were stopped with it", () => {
    const state = folded([
      planned("a", "b", "c"),
      started("a"),
      started("b"),
      { _tag: "failed", step: "b", error: { _tag: "E", message: "no" } },
    ])
    expect(StepTree.lines(state, frame(9000))).toEqual(["  ○ a  stopped", "  ✗ b  failed", "  · c  waits"])
    expect(RunProgress.cutShort(state).map(({ step }) => step)).toEqual(["a"])
  })

  it("fits every terminal: never a line too wide, never a row too many, and the running step is always seen", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ minLength: 1, maxLength: 60, unit: "grapheme" }), { minLength: 1, maxLength: 60 }),
        fc.nat(),
        fc.integer({ min: 20, max: 120 }),
        fc.integer({ min: 5, max: 40 }),
        (names, at, columns, rows) => {
          const steps = names.map((name, i) => `${i}${name.replaceAll(/\p{Cc}/gu, "")}`)
          const running = at % steps.length
          const state = folded([
            planned(...steps),
            ...steps.slice(0, running).map((step) => finished(step)),
            started(steps[running]!),
            phase(steps[running]!, 10),
            update(steps[running]!, 1, 2),
          ])
          const lines = StepTree.lines(state, frame(60_000, columns, rows))
          expect(lines.length).toBeLessThanOrEqual(rows)
          for (const line of lines) expect(Ansi.width(line)).toBeLessThanOrEqual(columns)
          expect(lines.some((line) => line.startsWith(`  ● ${running}`))).toBe(true)
          expect(lines.some((line) => line.includes("1/10"))).toBe(true)
        },
      ),
    )
  })
})
