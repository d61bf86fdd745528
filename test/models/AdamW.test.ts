import * as AdamW from "@thaw/models/AdamW"
import * as Clipping from "@thaw/models/Clipping"
import * as Group from "@thaw/models/Group"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"

const settings = AdamW.make({ weightDecay: 0.1 })

const update = (decay: AdamW.Decay) => {
  const vector = (name: string) => Value.input(name, "float32", [3])
  const number = (name: string) => Value.input(name, "float32", [])
  const gradient = vector("g")
  const rates = { stepSize: number("stepSize"), epsilon: number("epsilon"), shrink: number("shrink") }
  const scale = AdamW.scales(settings, number("clip"))
  const before = { weight: vector("weight"), m: vector("m"), v: vector("v") }
  const after = AdamW.update(settings, before, { gradient, square: Op.Mul(gradient, gradient) }, scale, rates, decay)
  return Graph.make({ name: "AdamW", outputs: { "next.weight": after.weight, "next.m": after.m, "next.v": after.v } })
}

const gradients = [
  [0.5, -2, 1e-3],
  [-0.25, -1, 2e-3],
  [1, 0, -3e-3],
]

/** Three updates at rate 0.01, the second one clipped by a half. */
const train = async (decay: AdamW.Decay) => {
  const graph = update(decay)
  let state = {
    weight: Tensor.float32([3], [1, -2, 0.5]),
    m: Tensor.float32([3], [0, 0, 0]),
    v: Tensor.float32([3], [0, 0, 0]),
  }
  for (const [at, g] of gradients.entries()) {
    const [stepSize, epsilon, shrink] = AdamW.ratesOf(settings, 0.01, at + 1)
    const numbers = { stepSize, epsilon, shrink, clip: at === 1 ? 0.5 : 1 }
    const scalars = Object.fromEntries(
      Object.entries(numbers)
        .filter(([name]) => graph.inputs.some((input) => input.name === name))
        .map(([name, value]) => [name, Tensor.scalar("float32", value)]),
    )
    const result = await Onnxruntime.evaluate(graph, { ...state, ...scalars, g: Tensor.float32([3], g) })
    state = {
      weight: Tensor.float32([3], Tensor.numbers(result["next.weight"]!)),
      m: Tensor.float32([3], Tensor.numbers(result["next.m"]!)),
      v: Tensor.float32([3], Tensor.numbers(result["next.v"]!)),
    }
  }
  return Tensor.numbers(state.weight)
}

describe("AdamW", () => {
  // torch 1.13, float64: torch.optim.AdamW([p], lr=0.01, weight_decay=…), p = [1, -2, 0.5], the gradients above with the
  // second one halved.
  it.each([
    ["toward zero", AdamW.towardZero, [0.974992249181, -1.969307775791, 0.481016678159]],
    ["none", AdamW.noDecay, [0.9779645655, -1.975273481816, 0.482485188959]],
  ] as const)("decay: %s; has torch.optim.AdamW's weights", async (_, decay, expected) => {
    const got = await train(decay)
    expected.forEach((value, at) => expect(got[at]).toBeCloseTo(value, 6))
  })

  it("moves the first update by the rate, whatever the gradient's size", () => {
    const [stepSize, epsilon] = AdamW.ratesOf(settings, 0.01, 1)
    for (const g of [1e-3, 1, 1e3]) {
      const moved = (stepSize * 0.1 * g) / (Math.sqrt(0.001 * g * g) + epsilon)
      expect(moved).toBeCloseTo(0.01, 6)
    }
  })
})

describe("decay toward the start (L2-SP)", () => {
  it("without a gradient shrinks the distance to the start by 1 − rate·decay per update, moments untouched", async () => {
    const vector = (name: string) => Value.input(name, "float32", [3])
    const number = (name: string) => Value.input(name, "float32", [])
    const rates = { stepSize: number("stepSize"), epsilon: number("epsilon"), shrink: number("shrink") }
    const [gradient, start] = [vector("g"), vector("start")]
    const after = AdamW.update(
      settings,
      { weight: vector("weight"), m: vector("m"), v: vector("v") },
      { gradient, square: Op.Mul(gradient, gradient) },
      AdamW.scales(settings, number("clip")),
      rates,
      AdamW.toward(start),
    )
    const graph = Graph.make({ name: "L2-SP", outputs: { "next.weight": after.weight, "next.m": after.m } })
    const [rate, decay, from, to] = [0.01, 2, [1, -2, 0.5], [0.25, 0, 0.5]]
    const zeros = Tensor.float32([3], [0, 0, 0])
    let weight = Tensor.float32([3], from)
    for (let count = 1; count <= 5; count++) {
      const [stepSize, epsilon, shrink] = AdamW.ratesTowardStart(settings, rate, count, decay)
      const scalars = Object.entries({ stepSize, epsilon, shrink, clip: 1 })
      const result = await Onnxruntime.evaluate(graph, {
        ...Object.fromEntries(scalars.map(([name, value]) => [name, Tensor.scalar("float32", value)])),
        ...{ weight, m: zeros, v: zeros, g: zeros, start: Tensor.float32([3], to) },
      })
      weight = Tensor.float32([3], Tensor.numbers(result["next.weight"]!))
      expect(Tensor.numbers(result["next.m"]!)).toEqual([0, 0, 0])
    }
    const expected = to.map((value, at) => value + (from[at]! - value) * (1 - rate * decay) ** 5)
    expected.forEach((value, at) => expect(Tensor.numbers(weight)[at]).toBeCloseTo(value, 6))
  })
})

describe("clipping by global norm", () => {
  const graph = (() => {
    const [a, b] = [Value.input("a", "float32", [2, 2]), Value.input("b", "float32", [1])]
    const norm = Clipping.globalNorm([Op.Mul(a, a), Op.Mul(b, b)])
    return Graph.make({ name: "clipping", outputs: { norm, factor: Clipping.factor(norm, 1) } })
  })()
  const run = async (scale: number) => {
    const a = Tensor.float32(
      [2, 2],
      [1, 2, 2, 0].map((value) => value * scale),
    )
    const result = await Onnxruntime.evaluate(graph, { a, b: Tensor.float32([1], [4 * scale]) })
    return [Number(result["norm"]!.data[0]), Number(result["factor"]!.data[0])]
  }

  it("scales what is longer than the limit to it, as torch does", async () => {
    const [norm, factor] = await run(1)
    expect(norm).toBeCloseTo(5, 6)
    expect(factor).toBeCloseTo(1 / (5 + 1e-6), 7)
  })

  it("leaves what is shorter alone", async () => {
    expect((await run(0.1))[1]).toBe(1)
    expect((await run(0))[1]).toBe(1)
  })
})

describe("the learning rate", () => {
  it("rises and falls linearly as transformers' schedule does", () => {
    const rate = LearningRate.linear({ base: 1, warmup: 0.2 })
    const rates = Array.from({ length: 11 }, (_, at) => LearningRate.at(rate, at, 10))
    const expected = [0, 0.5, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8, 0]
    rates.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 12))
  })

  it("without warm-up starts at the base, and may stay there", () => {
    expect(LearningRate.at(LearningRate.linear({ base: 3, warmup: 0 }), 0, 4)).toBe(3)
    expect(LearningRate.at(LearningRate.constant(3), 3, 4)).toBe(3)
  })
})

describe("groups", () => {
  it("stand bottom to top, with the depths of ELECTRA's convention", () => {
    const groups = Group.all(2, ["mood", "area"])
    expect(groups).toEqual(["embeddings", "block.0", "block.1", "head.area", "head.mood"])
    expect(groups.map((group) => Group.depth(group, 2))).toEqual([0, 1, 2, 4, 4])
    expect(groups.map(Group.taskOf)).toEqual([undefined, undefined, undefined, "area", "mood"])
  })
})
