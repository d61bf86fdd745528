import * as Ansi from "@thaw/cli/render/Ansi"
import * as PhasesText from "@thaw/cli/render/PhasesText"
import type { RunEvent } from "@thaw/core/RunEvent"
import { describe, expect, it } from "vitest"

const started = (step: string, phase: number, trainableParameters: number): RunEvent => ({
  _tag: "phaseStarted",
  step,
  phase,
  trainable: ["head.topic"],
  frozenBytes: 0,
  trainableParameters,
  boundary: null,
  updates: 100,
  estimatedBytes: 190e6,
})
const finished = (step: string, phase: number, updates: number, seconds: number): RunEvent => ({
  _tag: "phaseFinished",
  step,
  phase,
  updates,
  seconds,
  peakBytes: 212e6,
  work: 3e9 * seconds,
  workSeconds: 0.75 * seconds,
  frozen: { tensors: 0, sha256: "" },
  scores: [],
})

describe("what phases took", () => {
  it("is a line for each that ended, also where two ran beside each other", () => {
    const watch = PhasesText.watch()
    for (const event of [
      started("one", 1, 1234),
      started("two", 1, 22_700_000),
      finished("two", 1, 1000, 80),
      started("three", 2, 5),
      finished("one", 1, 47, 4),
    ]) {
      watch.see(event)
    }
    expect(PhasesText.lines(watch.measured(), Ansi.plain)).toEqual([
      "phase  learned  updates   took  updates/s  memory  estimated        work        speed",
      "two     22.7 M    1,000   1:20       12.5  212 MB     190 MB   240 GFLOP  4.0 GFLOP/s",
      "one      1.2 k       47  4.0 s       11.8  212 MB     190 MB  12.0 GFLOP  4.0 GFLOP/s",
    ])
  })

  it("is nothing where all phases were kept", () => {
    expect(PhasesText.lines(PhasesText.watch().measured(), Ansi.plain)).toEqual([])
  })
})
