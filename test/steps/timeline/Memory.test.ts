/** Estimates of memory against the session process that does the work. */
import * as Dag from "@thaw/core/Dag"
import type * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Timeline from "@thaw/steps/Timeline"
import type * as Estimate from "@thaw/steps/timeline/Estimate"
import * as Facts from "@thaw/steps/timeline/Facts"
import * as Train from "@thaw/steps/Train"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"

const world = World.make({ threads: 2 })
afterAll(world.dispose)

/** Examples that are all cut at 64 tokens, so that their lengths are known beforehand. */
const rows = (count: number, first: number): ReadonlyArray<Dataset.Example> =>
  Array.from({ length: count }, (_, place) => first + place).map((at) => ({
    id: `${at}`,
    origin: `${at}`,
    text: Array.from({ length: 70 }, (_, word) => `word${(7 * at + 13 * word) % 500}`).join(" "),
    labels: { topic: at % 2 === 0 ? "a" : "b" },
    tags: {},
  }))
const { train, validation } = Corpus.parts({ train: rows(96, 0), heldOut: rows(32, 96) })

/** What a phase of this plan was expected to take, and what it took. */
const phase = async (freeze: Freeze.FreezePlan, more: Partial<Train.Options> = {}) => {
  const trained = Train.multiTask({
    encoder: Encoder.fromScratch({
      corpus: train,
      vocabularySize: 2000,
      blocks: 4,
      hidden: 128,
      heads: 4,
      maxTokens: 64,
    }),
    tasks: { topic: { head: Head.classification({ pooling: "mean" }), train, validation } },
    learningRate: LearningRate.constant(1e-4),
    epochs: 2,
    batch: 32,
    freeze,
    ...more,
  })
  const [planned] = Timeline.of(Dag.make(Pipeline.make("x", { seed: 1, outputs: { trained } }))).phases
  const before = world.events.length
  await world.run({ trained })
  const events = world.events.slice(before)
  const started = events.flatMap((event) => (event._tag === "phaseStarted" ? [event] : []))[0]!
  const finished = events.flatMap((event) => (event._tag === "phaseFinished" ? [event] : []))[0]!
  return { cost: planned!.known!.cost, started, finished }
}
const valueOf = (estimate: Estimate.Estimate) => (estimate._tag === "Known" ? estimate.value : Number.NaN)

const batch = 64
const full = phase(Freeze.nothing(), { batch })
const frozen = full.then(() => phase(Freeze.backbone(), { batch }))
const adapters = frozen.then(() => phase(Freeze.lora({ dropout: 0.1 })))
const accumulated = adapters.then(() => phase(Freeze.belowBlock(2), { batch: 16, accumulate: 2 }))

describe.skipIf(process.platform !== "linux")("the memory of a phase", () => {
  it.each([
    ["everything trains", full],
    ["heads alone train over what is kept", frozen],
    ["adapters train", adapters],
    ["half of it trains and gradients are accumulated", accumulated],
  ])("is between 0.7 and 1.3 times what plan and phase expected of it, where %s", async (_, run) => {
    const { cost, started, finished } = await run
    for (const expected of [valueOf(cost.peakBytes), started.estimatedBytes]) {
      expect(finished.peakBytes / expected).toBeGreaterThan(0.7)
      expect(finished.peakBytes / expected).toBeLessThan(1.3)
    }
  })

  it("is lower with a frozen backbone by the moments and the activations that it does not need", async () => {
    const [all, heads] = [await full, await frozen]
    const moments = 8 * (all.started.trainableParameters - heads.started.trainableParameters)
    // What the way back through a block reads again: inputs of linear maps, queries, keys and values, normalised sums, the
    // activation's input, and the shares of attention.
    const block = 4 * batch * 64 * (8 * 128 + 2 * 4 * 128 + 4 * 64)
    const activations = 4 * block
    expect(moments).toBeGreaterThan(5e6)
    expect(activations).toBeGreaterThan(1e8)
    expect(all.finished.peakBytes - heads.finished.peakBytes).toBeGreaterThan(moments + activations)
  })
})

describe("the work of a phase", () => {
  it.each([
    ["everything trains", full],
    ["heads alone train over what is kept", frozen],
    ["adapters train", adapters],
    ["half of it trains and gradients are accumulated", accumulated],
  ])("is what was planned where all lengths are known: %s", async (_, run) => {
    const { cost, finished } = await run
    expect(finished.work / valueOf(cost.work)).toBeCloseTo(1, 6)
    expect(finished.workSeconds).toBeGreaterThan(0)
    expect(finished.workSeconds).toBeLessThan(finished.seconds)
  })
})

describe("the longest of a batch", () => {
  it("is the mean over all draws", () => {
    const lengths = Uint32Array.of(2, 3, 3, 7)
    const pairs = [...lengths].flatMap((a) => [...lengths].map((b) => Math.max(a, b)))
    expect(Facts.longestOf({ lengths }, 2)).toBeCloseTo(pairs.reduce((sum, each) => sum + each, 0) / pairs.length, 12)
    expect(Facts.longestOf({ lengths }, 1)).toBe(15 / 4)
    expect(Facts.longestOf({ lengths }, 1000)).toBeCloseTo(7, 12)
  })
})
