/** Balancers that look at losses and scores, and what all have in common. */
import type { InvalidData } from "@thaw/core/Errors"
import * as Balance from "@thaw/steps/Balance"
import * as Uncertainty from "@thaw/steps/balance/Uncertainty"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { kinds, machine, world } from "./world.ts"

const failure = (balance: Balance.Balance): InvalidData =>
  Effect.runSync(Effect.flip(Balance.machine(balance, world, kinds)))

describe("normalised", () => {
  it("divides each loss by the logarithm of its labels", () => {
    const { weights, start } = machine(Balance.normalised())
    expect(weights(start)).toEqual({ a: 1 / Math.log(2), b: 1 / Math.log(20) })
  })
})

describe("uncertainty", () => {
  const settled = (form: Uncertainty.Form, loss: number) => {
    const made = Uncertainty.machine({ _tag: "uncertainty", rate: 0.01 }, world, () => form)
    let state = made.start
    for (let update = 0; update < 4000; update++) state = made.updated(state, { losses: { a: loss }, gram: undefined })
    return { weights: made.weights(state), added: made.added(state)["a"] }
  }

  it.each([0.05, 0.4, 2.5])("comes to rest at v = log 2L for classification: loss %d", (loss) => {
    const { weights, added } = settled("classification", loss)
    expect(weights["a"]).toBeCloseTo(1 / (2 * loss), 6)
    expect(added).toBeCloseTo(Math.log(2 * loss) / 2, 6)
  })

  it.each([0.05, 0.4, 2.5])("comes to rest at v = log L for regression: loss %d", (loss) => {
    const { weights, added } = settled("regression", loss)
    expect(weights["a"]).toBeCloseTo(1 / (2 * loss), 6)
    expect(added).toBeCloseTo(Math.log(loss) / 2, 6)
  })

  it("has the objective's own gradient", () => {
    const objective = (v: number, loss: number, form: Uncertainty.Form) => Uncertainty.weight(v, form) * loss + v / 2
    for (const form of ["classification", "regression"] as const) {
      for (const [v, loss] of [
        [0, 1],
        [-1.5, 0.2],
        [0.7, 3],
      ] as const) {
        const slope = (objective(v + 1e-6, loss, form) - objective(v - 1e-6, loss, form)) / 2e-6
        expect(Uncertainty.gradient(v, loss, form)).toBeCloseTo(slope, 7)
      }
    }
  })

  it("does not move a task without a loss", () => {
    const { start, updated, weights } = machine(Balance.uncertainty())
    const after = updated(start, { losses: { b: 0.1 }, gram: undefined })
    expect(weights(after)["a"]).toBe(1)
    expect(weights(after)["b"]).toBeGreaterThan(1)
  })
})

describe("dynamic weight average", () => {
  const after = (losses: ReadonlyArray<Readonly<Record<string, number>>>, window: number | "epoch" = 2) => {
    const { start, updated, weights } = machine(Balance.dynamicWeightAverage({ window }))
    return weights(losses.reduce((state, each) => updated(state, { losses: each, gram: undefined }), start))
  }

  it("counts 1 in the first two windows and K·softmax(r/2) from the third on", () => {
    const windows = [
      { a: 1, b: 1 },
      { a: 3, b: 1 },
      { a: 1, b: 1 },
    ]
    expect(after(windows)).toEqual({ a: 1, b: 1 })
    const [x, y] = [Math.exp(0.5 / 2), Math.exp(1 / 2)]
    expect(after([...windows, { a: 1, b: 1 }])).toEqual({
      a: expect.closeTo((2 * x) / (x + y), 12),
      b: expect.closeTo((2 * y) / (x + y), 12),
    })
  })

  it("takes an epoch's updates for a window where it is told so", () => {
    const fall = [4, 4, 4, 4, 1, 1, 1].map((a) => ({ a, b: 1 }))
    expect(after(fall, "epoch")).toEqual({ a: 1, b: 1 })
    expect(after([...fall, { a: 1, b: 1 }], "epoch")["a"]).toBeLessThan(1)
  })

  it("lets a task that a window does not have stand still", () => {
    expect(after([{ a: 1 }, { a: 1 }, { a: 1 }, { a: 1 }])).toEqual({ a: 1, b: 1 })
  })
})

describe("targets", () => {
  const evaluated = (balance: Balance.Balance, scores: Readonly<Record<string, number>>, times = 1) => {
    const { start, evaluated: judge, weights } = machine(balance)
    const seen = Object.entries(scores).map(([task, macroF1]) => ({
      task,
      head: "classification" as const,
      metrics: { macroF1, loss: 1 },
    }))
    let state = start
    for (let at = 0; at < times; at++) {
      state = Effect.runSync(judge(state, { update: at, scores: seen, losses: {} }))
    }
    return weights(state)
  }

  it("raises the task furthest below its target and keeps the sum", () => {
    const raised = evaluated(Balance.targets({ a: 0.9, b: 0.9 }, { raise: 2 }), { a: 0.6, b: 0.8 })
    expect(raised).toEqual({ a: expect.closeTo(4 / 3, 12), b: expect.closeTo(2 / 3, 12) })
    const twice = evaluated(Balance.targets({ a: 0.9, b: 0.9 }, { raise: 2 }), { a: 0.6, b: 0.8 }, 2)
    expect(twice).toEqual({ a: expect.closeTo(1.6, 12), b: expect.closeTo(0.4, 12) })
  })

  it("leaves all alone once every target is reached, and tasks without a target", () => {
    expect(evaluated(Balance.targets({ a: 0.5 }), { a: 0.6, b: 0 })).toEqual({ a: 1, b: 1 })
  })

  it("refuses a metric that nobody reports", () => {
    const { start, evaluated: judge } = machine(Balance.targets({ a: 1 }, { metric: "macrof1" }))
    const scores = [{ task: "a", head: "classification" as const, metrics: { macroF1: 0.5 } }]
    expect(Effect.runSync(Effect.flip(judge(start, { update: 1, scores, losses: {} }))).message).toBe(
      'phase 1, task a, metric: expected one of "macroF1", got "macrof1". Did you mean "macroF1"?',
    )
  })
})

describe("custom", () => {
  it("is asked before the first update and after every evaluation", () => {
    const balance = Balance.custom(({ update, total, scores, weights }) => ({
      b: update === 0 ? 3 : weights["b"]! + total * (scores["b"]?.["macroF1"] ?? 0),
    }))
    const { start, weights, evaluated } = machine(balance)
    expect(weights(start)).toEqual({ a: 1, b: 3 })
    const scores = [{ task: "b", head: "classification" as const, metrics: { macroF1: 0.5 } }]
    const after = Effect.runSync(evaluated(start, { update: 4, scores, losses: {} }))
    expect(weights(after)).toEqual({ a: 1, b: 9 })
  })

  it("is kept as its source, so that another function is another content key", () => {
    expect(Balance.custom(() => ({ a: 2 }))).toEqual({ _tag: "custom", source: "() => ({ a: 2 })" })
  })

  it("refuses what is no function of its own", () => {
    // `answer() {…}`, as a method of an object has it, is no expression.
    const { answer } = {
      answer(this: void) {
        return { a: 1 }
      },
    }
    expect(() => Balance.custom(answer)).toThrow(
      /^Balance\.custom: expected a function that can be read from its source, got "answer\(.* Write it as an arrow function: Balance\.custom\(\(\{ scores \}\) => \(\{ mood: 2 \}\)\)\.$/,
    )
  })

  it("refuses a function that uses what is around it", () => {
    const around = { a: 2 }
    expect(failure(Balance.custom(() => around)).message).toBe(
      "phase 1, Balance.custom after update 0: expected weights greater than 0 of tasks that are drawn, { task: weight }, got ReferenceError: around is not defined. It may use nothing but its argument: no variable of the pipeline's file.",
    )
  })

  it("refuses weights that are none, and tasks that are not drawn", () => {
    const told = (balance: Balance.Balance) => failure(balance).message
    const expected =
      "phase 1, Balance.custom after update 0: expected weights greater than 0 of tasks that are drawn, { task: weight }, got "
    expect(told(Balance.custom(() => ({ a: 0 })))).toBe(`${expected}0 for "a".`)
    expect(told(Balance.custom(() => ({ a: Number.NaN })))).toBe(`${expected}NaN for "a".`)
    expect(told(Balance.custom(() => ({ c: 1 })))).toBe(`${expected}one of "c". Known are "a", "b".`)
    // What an author's JavaScript may give all the same.
    expect(told(Balance.custom((() => 3) as never))).toBe(`${expected}3.`)
  })
})

describe("every balancer", () => {
  const all = [
    Balance.plainSum(),
    Balance.normalised(),
    Balance.uncertainty(),
    Balance.dynamicWeightAverage({ window: 3 }),
    Balance.targets({ a: 1 }),
    Balance.custom(() => ({ a: 2 })),
    Balance.gradNorm(),
    Balance.pcGrad(),
    Balance.caGrad(),
    Balance.equalNorms(),
  ]
  const names = all.map((balance) => [balance._tag, balance] as const)

  it("is here", () => {
    expect(names.map(([name]) => name)).toEqual(Object.keys(Balance.names))
  })

  it.each(names)("goes on from a state that was JSON: %s", (_, balance) => {
    const { start, updated, weights } = machine(balance)
    const seen = (at: number) => ({
      losses: { a: 1 / (at + 1), b: 1 + Math.sin(at) / 3 },
      gram: {
        tasks: ["a", "b"],
        products: [
          [2 + Math.cos(at), -0.1],
          [-0.1, 1],
        ],
      },
    })
    let [whole, kept] = [start, start]
    for (let at = 0; at < 25; at++) {
      whole = updated(whole, seen(at))
      kept = updated(JSON.parse(JSON.stringify(kept)), seen(at))
    }
    expect(kept).toEqual(whole)
    expect(weights(kept)).toEqual(weights(whole))
    expect(machine(balance).weights({ another: "version" })).toEqual(weights(start))
  })

  it.each(names)("looks at gradients or not, as it says: %s", (_, balance) => {
    expect(machine(balance).looks !== undefined).toBe(Balance.looksAtGradients(balance))
  })
})
