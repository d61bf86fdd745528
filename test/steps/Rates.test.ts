import { readFileSync } from "node:fs"
import path from "node:path"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Group from "@thaw/models/Group"
import * as Freeze from "@thaw/steps/Freeze"
import * as Rates from "@thaw/steps/Rates"
import { describe, expect, it } from "vitest"

interface Golden {
  readonly base: number
  readonly decay: number
  readonly cutFraction: number
  readonly ratio: number
  readonly phaseUpdates: number
  readonly phases: ReadonlyArray<ReadonlyArray<string>>
  readonly updates: ReadonlyArray<{ readonly rates: Readonly<Record<string, number>> }>
}

const rate = LearningRate.constant(1e-4)
const groups = Group.all(12, ["topic"])

describe("discriminative rates", () => {
  it("are those of ELECTRA's code: 12 blocks, a decay of 0.8", () => {
    // google-research/electra, model/optimization.py, _get_layer_lrs: embeddings 0, layer i is i + 1, the task's own
    // weights n_layers + 2; rate · decay^(n_layers + 2 − depth). Computed by hand as powers of 0.8.
    const of = Rates.discriminative({ decayPerBlock: 0.8 })
    const expected = [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 0].map((power) => 1e-4 * 0.8 ** power)
    expect(groups.map((group) => Rates.baseOf(of, rate, group, 12))).toEqual(expected)
    expect(Rates.baseOf(of, rate, "block.11", 12)).toBeCloseTo(6.4e-5, 12)
  })

  it("decay by 0.9 a block unless told otherwise, and not at all where they are uniform", () => {
    expect(Rates.baseOf(Rates.discriminative(), rate, "block.5", 6)).toBeCloseTo(8.1e-5, 12)
    for (const group of groups) expect(Rates.baseOf(Rates.uniform(), rate, group, 12)).toBe(1e-4)
  })

  it("leave heads and single groups a base of their own, which does not decay", () => {
    const of = Rates.discriminative({ heads: 1e-3, groups: { "block.0": 7e-6, "head.mood": 5e-4 } })
    expect(["head.topic", "head.mood", "block.0"].map((group) => Rates.baseOf(of, rate, group, 6))).toEqual([
      1e-3, 5e-4, 7e-6,
    ])
    expect(Rates.baseOf(of, rate, "block.1", 6)).toBeCloseTo(1e-4 * 0.9 ** 6, 15)
  })

  it("move together over the updates, each group from its own base", () => {
    const of = {
      learningRate: LearningRate.slantedTriangular({ base: 1e-3 }),
      rates: Rates.discriminative({ heads: 2e-3 }),
      length: { epochs: 2 },
    }
    for (const update of [0, 3, 10, 57, 99]) {
      const shape = LearningRate.at(LearningRate.slantedTriangular({ base: 1 }), update, 100)
      expect(Rates.at(of, "head.topic", 2, update, 100)).toBeCloseTo(2e-3 * shape, 15)
      expect(Rates.at(of, "block.0", 2, update, 100)).toBeCloseTo(1e-3 * 0.9 ** 3 * shape, 15)
    }
  })
})

describe("gradual unfreezing with discriminative slanted-triangular rates", () => {
  it("has the groups and rates of the golden run in PyTorch, phase by phase", () => {
    const file = path.join(import.meta.dirname, "../fixtures/pytorch/bert/gradual.json")
    const golden = JSON.parse(readFileSync(file, "utf8")) as Golden
    const { base, cutFraction, ratio, phaseUpdates } = golden
    const told = {
      learningRate: LearningRate.slantedTriangular({ base, cutFraction, ratio }),
      rates: Rates.discriminative({ decayPerBlock: golden.decay }),
      length: { updates: phaseUpdates },
    }
    const phases = Freeze.written(Freeze.gradual(), 2).map(({ train }) =>
      Freeze.groups(train, 2, ["topic", "entities"]),
    )
    expect(phases).toEqual(golden.phases)
    golden.updates.forEach(({ rates }, at) => {
      const update = at % phaseUpdates
      const got = phases[Math.floor(at / phaseUpdates)]!.map((group) => [
        group,
        Rates.at(told, group, 2, update, phaseUpdates),
      ])
      expect(Object.keys(rates)).toHaveLength(got.length)
      for (const [group, rate] of got) expect(rates[group!]! / Number(rate)).toBeCloseTo(1, 12)
    })
  })
})

describe("a phase's part of one learning rate", () => {
  const learningRate = LearningRate.linear({ base: 1, warmup: 0.1 })
  const rates = Rates.uniform()
  const whole = Array.from({ length: 60 }, (_, t) => LearningRate.at(learningRate, t, 60))
  const over = (of: Omit<Rates.Of, "learningRate" | "rates">, updates: number) =>
    Array.from({ length: updates }, (_, t) => Rates.at({ learningRate, rates, ...of }, "head.a", 2, t, updates))

  it("goes on where the phase before ended, in epochs and in updates", () => {
    const parts = [
      over({ length: { epochs: 1 }, span: { before: 0, total: 6 } }, 10),
      over({ length: { epochs: 2 }, span: { before: 1, total: 6 } }, 20),
      over({ length: { epochs: 3 }, span: { before: 3, total: 6 } }, 30),
    ]
    expect(parts.flat()).toEqual(whole)
    const counted = [
      over({ length: { updates: 45 }, span: { before: 0, total: 60 } }, 45),
      over({ length: { updates: 15 }, span: { before: 45, total: 60 } }, 15),
    ]
    expect(counted.flat()).toEqual(whole)
  })

  it("is all of it where nothing is said", () => {
    expect(over({ length: { epochs: 6 } }, 60)).toEqual(whole)
  })
})
