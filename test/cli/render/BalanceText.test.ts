import * as Ansi from "@thaw/cli/render/Ansi"
import * as BalanceText from "@thaw/cli/render/BalanceText"
import * as PhasesText from "@thaw/cli/render/PhasesText"
import type { RunEvent } from "@thaw/core/RunEvent"
import { describe, expect, it } from "vitest"

const step = "Train.phase 1, nothing frozen"
const started: RunEvent = {
  _tag: "phaseStarted",
  step,
  phase: 1,
  trainable: [],
  frozenBytes: 0,
  trainableParameters: 1,
  boundary: null,
  updates: 8,
  estimatedBytes: 0,
}
type Finished = Extract<RunEvent, { readonly _tag: "phaseFinished" }>
const finished = (balance: Partial<Pick<Finished, "balance">>): RunEvent => ({
  _tag: "phaseFinished",
  step,
  phase: 1,
  updates: 8,
  seconds: 1,
  peakBytes: 0,
  work: 0,
  workSeconds: 0,
  frozen: { tensors: 0, sha256: "" },
  scores: [],
  ...balance,
})
const look = (update: number, group: string, norms: Readonly<Record<string, number>>, cosine?: number): RunEvent => ({
  _tag: "gradients",
  step,
  phase: 1,
  update,
  group,
  norms,
  cosines: cosine === undefined ? [] : [{ tasks: ["mood", "topic"], cosine }],
})
const lines = (...events: ReadonlyArray<RunEvent>) => {
  const watch = PhasesText.watch()
  for (const event of [started, ...events]) watch.see(event)
  return watch.measured().flatMap((phase) => BalanceText.lines(phase, Ansi.plain))
}

const moments = [
  { update: 4, weights: { mood: 1.1, topic: 0.9 }, losses: { mood: 0.7, topic: 1.1 }, plainSum: 1.8 },
  { update: 8, weights: { mood: 1.25, topic: 0.75 }, losses: { mood: 0.4, topic: 0.2 }, plainSum: 0.6 },
]

describe("the balance of a phase", () => {
  it("shows weights, raw losses and their plain sum from the first epoch to the last", () => {
    const balance = { balancer: "GradNorm", start: { mood: 1, topic: 1 }, moments }
    expect(lines(finished({ balance }))).toEqual([
      "",
      "balance of Train.phase 1, nothing frozen  GradNorm",
      "  task       weight       raw loss, mean of an epoch",
      "  mood       1.00 → 1.25  0.700 → 0.400",
      "  topic      1.00 → 0.75  1.100 → 0.200",
      "  plain sum               1.800 → 0.600",
    ])
  })

  it("is nothing where nothing balanced", () => {
    expect(lines(finished({}))).toEqual([])
    expect(lines(finished({ balance: { start: { mood: 1, topic: 1 }, moments } }))).toEqual([])
  })
})

describe("gradients of a phase", () => {
  it("are means over the looks, group by group", () => {
    expect(
      lines(
        look(1, "head.mood", { mood: 0.5 }),
        look(1, "block.0", { mood: 0.2, topic: 0.4 }, -0.5),
        look(5, "head.mood", { mood: 0.7 }),
        look(5, "block.0", { mood: 0.4, topic: 0.6 }, 0.1),
        finished({}),
      ),
    ).toEqual([
      "",
      "gradients of Train.phase 1, nothing frozen  mean of 2 looks",
      "             norm: mood  norm: topic  cosine: mood, topic",
      "  head.mood       0.600",
      "  block.0         0.300        0.500                −0.20",
    ])
  })
})
