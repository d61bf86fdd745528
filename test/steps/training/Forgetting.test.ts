import * as LearningRate from "@thaw/models/LearningRate"
import * as Train from "@thaw/steps/Train"
import * as Drift from "@thaw/steps/training/Drift"
import * as Forgetting from "@thaw/steps/training/Forgetting"
import * as History from "@thaw/steps/training/History"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"

const world = World.make()
afterAll(world.dispose)

const entry = (
  phase: number,
  trainable: ReadonlyArray<string>,
  scores: Readonly<Record<string, number | null>>,
): History.Entry => ({
  phase,
  trains: [],
  trainable,
  updates: 1,
  validation: [],
  scores: Object.entries(scores).map(([task, macroF1]) => ({ task, metrics: { accuracy: 1, loss: 0, macroF1 } })),
})

describe("the forgetting table", () => {
  it("compares with a task's own best and with what it was when its head was frozen", () => {
    const { phases, rows } = Forgetting.table([
      entry(1, ["head.a"], { a: 0.6 }),
      entry(2, ["block.1", "head.a", "head.b"], { a: 0.8, b: 0.5 }),
      entry(3, ["block.1", "head.b"], { a: 0.9, b: 0.7 }),
      entry(4, ["block.1", "head.b"], { a: 0.3, b: null }),
    ])
    expect(phases).toEqual([1, 2, 3, 4])
    expect(rows).toEqual([
      {
        task: "a",
        metric: "macroF1",
        scores: [0.6, 0.8, 0.9, 0.3],
        best: { phase: 3, score: 0.9 },
        whenFrozen: { phase: 2, score: 0.8 },
        now: 0.3,
      },
      {
        task: "b",
        metric: "macroF1",
        scores: [undefined, 0.5, 0.7, undefined],
        best: { phase: 3, score: 0.7 },
        whenFrozen: undefined,
        now: undefined,
      },
    ])
  })

  it("does not take a phase that was undone for one that trained a head", () => {
    const undone = { ...entry(2, ["head.a"], { a: 0.6 }), undone: "a fell" }
    const { rows } = Forgetting.table([entry(1, ["head.a"], { a: 0.6 }), undone, entry(3, ["block.0"], { a: 0.5 })])
    expect(rows[0]!.whenFrozen).toEqual({ phase: 1, score: 0.6 })
  })
})

describe("embedding drift", () => {
  it("is a mean of cosines", () => {
    // 45°, and opposite.
    expect(Drift.cosine(Float32Array.of(1, 0, 0, 2), Float32Array.of(3, 3, 0, -1), 2)).toBeCloseTo(
      (Math.SQRT1_2 - 1) / 2,
      12,
    )
  })

  it("keeps its anchor's vectors to the bit", () => {
    const vectors = Float32Array.of(0.1, -0, 1e-40, 3e38)
    expect(Drift.vectorsOf(Drift.anchor([[1], [2]], vectors))).toEqual(vectors)
  })

  it("is measured from the encoder that training started with, whatever phases there were", async () => {
    const base = Corpus.alone(["*"], 1)
    const rate = LearningRate.constant
    const heads = Train.phase({ checkpoint: Corpus.started, ...Corpus.alone(["heads"], 1) })
    const far = Train.phase({ ...base, checkpoint: heads, learningRate: rate(0.1), place: { phase: 2 } })
    const still = Train.phase({ ...base, checkpoint: far, learningRate: rate(1e-30), place: { phase: 3 } })
    const frozen = Train.phase({ ...base, ...Corpus.alone(["heads"], 1, 4), checkpoint: still })
    const { values } = await world.run({
      frozen,
      near: Train.phase({ ...base, checkpoint: Corpus.started, learningRate: rate(1e-30) }),
    })
    const [first, second, third, fourth] = History.entries(values.frozen.training.history)
    expect(first!.drift).toBeUndefined()
    expect(second!.drift).toBeLessThan(0.99)
    expect(third!.drift).toBeCloseTo(second!.drift!, 6)
    expect(fourth!.drift).toBe(third!.drift)
    expect([first, second, third, fourth].map((each) => each!.anchor?.texts.length)).toEqual([
      undefined,
      9,
      undefined,
      undefined,
    ])
    expect(History.latest(values.near.training.history)!.drift).toBeCloseTo(1, 6)
  })
})
