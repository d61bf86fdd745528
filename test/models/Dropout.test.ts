import * as Gradient from "@thaw/autodiff/Gradient"
import * as Seed from "@thaw/core/Seed"
import * as Dropout from "@thaw/models/Dropout"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"
import { differences, evaluator } from "../autodiff/numeric.ts"
import * as Golden from "./golden.ts"
import * as Mask from "./mask.ts"
import * as Techniques from "./techniques.ts"

const seed = Seed.make(11)
const site: Dropout.Site = { group: "block.0", name: "narrow", rate: "hidden" }
const rated = (p: number): Dropout.Rates => ({ hidden: p, attention: p, head: p })
const dropping = (p: number) => Dropout.make({ rates: rated(p), seed }, ["block.0"])

/** The graph's mask: what becomes of ones. */
const drawn = async (shape: ReadonlyArray<number>, p: number, microBatch: number, threads = 1) => {
  const names = shape.map((_, axis) => `axis${axis}`)
  const y = dropping(p)(Value.input("x", "float32", names), site)
  const graph = Graph.make({ name: "dropout", outputs: { y } })
  const x = Tensor.float32(shape, new Float32Array(Tensor.elements(shape)).fill(1))
  const feeds = { x, ...TrainingModel.microBatch(microBatch) }
  return (await Onnxruntime.evaluate(graph, feeds, { threads }))["y"]!
}
const expected = (rows: number, columns: number, p: number, microBatch: number, at = site) =>
  Mask.of(rows, columns, p, Mask.formula(Dropout.constants(seed, at), microBatch))

describe("a mask of dropout", () => {
  it.each([
    [[70, 33], 0.1, 0],
    [[3, 4, 9, 9], 0.25, 7],
    [[1, 5], 0.5, 2 ** 31 - 1],
  ] as const)(
    "of shape %j with p = %d in micro-batch %d is the formula's, and keeps the mean",
    async (shape, p, at) => {
      const y = await drawn(shape, p, at)
      const columns = shape.at(-1)!
      const { kept } = expected(Tensor.elements(shape) / columns, columns, p, at)
      expect(y.shape).toEqual(shape)
      expect(Tensor.numbers(y)).toEqual(Array.from(kept, (one) => Math.fround(one / (1 - p))))
    },
  )

  it("is the same with one thread and with two", async () => {
    expect(await drawn([600, 384], 0.1, 3, 2)).toEqual(await drawn([600, 384], 0.1, 3, 1))
  })

  it("does not depend on what is below or beside it in the batch", async () => {
    const [few, many] = [await drawn([8, 20], 0.3, 5), await drawn([64, 20], 0.3, 5)]
    expect(Tensor.numbers(many).slice(0, 160)).toEqual(Tensor.numbers(few))
  })
})

describe("masks as random numbers", () => {
  const sizes = [512, 384] as const
  // Of some 400 statistics below, each normal: one in 240,000 is further off than 4.6 deviations.
  const most = 4.6

  it.each([0.1, 0.5])("with p = %d drop as many as they should, each element by itself", (p) => {
    for (const microBatch of [0, 1, 2, 1000]) {
      for (const [name, oddity] of Object.entries(Mask.oddities(expected(...sizes, p, microBatch)))) {
        expect(Math.abs(oddity), `${name}, micro-batch ${microBatch}`).toBeLessThan(most)
      }
    }
  })

  it("have nothing to do with the next micro-batch's, another site's or another seed's", () => {
    for (const microBatch of [0, 41]) {
      const mask = expected(...sizes, 0.1, microBatch)
      const others = {
        next: expected(...sizes, 0.1, microBatch + 1),
        later: expected(...sizes, 0.1, microBatch + 64),
        site: expected(...sizes, 0.1, microBatch, { ...site, name: "attended" }),
        group: expected(...sizes, 0.1, microBatch, { ...site, group: "block.1" }),
        seed: Mask.of(...sizes, 0.1, Mask.formula(Dropout.constants(Seed.make(12), site), microBatch)),
      }
      for (const [name, other] of Object.entries(others)) {
        expect(Math.abs(Mask.alike(mask, other)), name).toBeLessThan(most)
      }
      expect(Mask.alike(mask, mask)).toBeGreaterThan(100)
    }
  })

  it("show what is wrong with weak ones", () => {
    const worst = (hash: (row: number, column: number) => number) =>
      Math.max(...Object.values(Mask.oddities(Mask.of(...sizes, 0.5, hash))).map(Math.abs))
    // A plain congruence: rows are shifted copies of each other.
    expect(worst((row, column) => Math.imul(row, 0x9e3779b9) + Math.imul(column, 0x85ebca6b))).toBeGreaterThan(20)
    // Sums in place of exclusive ors are nearly linear, so rows and columns keep their distances and rectangles show it.
    const summed = (given: number) => {
      const x = Math.imul((given >>> 0) + (given >>> 16), 0x7feb352d) >>> 0
      return (Math.imul(x + (x >>> 15), 0x846ca68b) >>> 0) + (x >>> 16)
    }
    const along = (place: number, salt: number) => summed(Math.imul(place, 0x9e3779b9) + salt)
    const { a, b, c, d, k, l } = Dropout.constants(seed, site)
    const product = (row: number, column: number) => {
      const [R, C] = [along(row, 1), along(column, 2)]
      return Math.imul(Math.imul(a, R) + Math.imul(b, C) + k, 2 * (Math.imul(c, R) + Math.imul(d, C)) + l)
    }
    expect(worst(product)).toBeGreaterThan(10)
  })
})

describe("the gradient through dropout", () => {
  it("agrees with differences while the mask stays, and hashes once", async () => {
    const x = Value.input("x", "float32", ["rows", 4])
    const y = Op.Tanh(dropping(0.4)(Op.Exp(x), site))
    const loss = Op.ReduceSum(Op.Mul(y, Value.input("weights", "float32", ["rows", 4])), { keepdims: 0 })
    const [gradient] = Gradient.of(loss, [x])
    const { graph, run, release } = await evaluator({ loss, gradient: gradient! })
    const numbers = (salt: number) => Array.from({ length: 24 }, (_, at) => (((at + 1) * 0.618 + salt) % 1) - 0.4)
    const feeds = {
      x: Tensor.float32([6, 4], numbers(0)),
      weights: Tensor.float32([6, 4], numbers(0.3)),
      ...TrainingModel.microBatch(9),
    }
    const got = Tensor.numbers((await run(feeds))["gradient"]!)
    const slopes = await differences(async (changed) => Number((await run(changed))["loss"]!.data[0]), feeds, "x", 0.02)
    for (const [at, slope] of slopes.entries()) expect(got[at]).toBeCloseTo(slope, 3)
    const zeros = got.filter((value) => value === 0).length
    expect(zeros).toBe(expected(6, 4, 0.4, 9).kept.filter((one) => one === 0).length)
    expect(zeros).toBeGreaterThan(3)
    expect(graph.nodes.filter(({ operator }) => operator === "GreaterOrEqual")).toHaveLength(1)
    await release()
  })
})

describe("dropout in a phase", () => {
  const phaseOf = async (family: Golden.FamilyName, variant: Golden.Variant, rates: Partial<Dropout.Rates>) => ({
    ...(await Golden.phaseOf(family, variant)),
    dropout: { rates: { ...rated(0), ...rates }, seed },
  })
  /** Each site has one comparison; losses have one a task. */
  const sites = (graph: Graph.Graph, tasks = 1) =>
    graph.nodes.filter(({ operator }) => operator === "GreaterOrEqual").length - tasks
  const update = (phase: TrainingModel.Phase, tasks = ["topic"]) => TrainingModel.make(phase).update(tasks).graph

  it.each([
    ["bert", { hidden: 0.1 }, 5],
    ["bert", { attention: 0.1 }, 2],
    ["bert", { head: 0.1 }, 1],
    ["distilbert", { hidden: 0.1 }, 3],
    ["distilbert", { attention: 0.1 }, 2],
    ["distilbert", { head: 0.1 }, 1],
    ["electra", { hidden: 0.1 }, 5],
    ["electra", { head: 0.1 }, 2],
    ["modernbert", { hidden: 0.1 }, 3],
    ["modernbert", { attention: 0.1 }, 4],
    ["modernbert", { head: 0.1 }, 1],
    ["mpnet", { hidden: 0.1 }, 5],
    ["mpnet", { attention: 0.1 }, 2],
    ["mpnet", { head: 0.1 }, 2],
    ["roberta", { hidden: 0.1 }, 5],
    ["roberta", { head: 0.1 }, 2],
  ] as const)("is where transformers' %s has it: %j", async (family, rates, count) => {
    expect(sites(update(await phaseOf(family, "nothing", rates)))).toBe(count)
  })

  it("does not exist in frozen groups, nor in the frozen bottom's graph", async () => {
    const phase = await phaseOf("bert", "belowBlock1", rated(0.1))
    expect(sites(update(phase))).toBe(4)
    expect(sites(update(await phaseOf("bert", "backbone", rated(0.1))))).toBe(1)
    expect(sites(TrainingModel.make(phase).prefix!, 0)).toBe(0)
    const frozen = await Golden.weightsOf("bert", "initial")
    const trainable = ["embeddings", "block.1", "head.entities"]
    const between = update({ ...(await phaseOf("bert", "nothing", rated(0.1))), trainable, frozen })
    expect(sites(between)).toBe(4)
  })

  it("gives every micro-batch of an update a mask of its own", async () => {
    const phase = await phaseOf("bert", "nothing", rated(0.1))
    const model = TrainingModel.make(phase)
    const { add, apply } = model.accumulation(["topic"])
    const has = (graph: Graph.Graph) => graph.inputs.some(({ name }) => name === Dropout.microBatch)
    expect([has(add.graph), has(apply.graph)]).toEqual([true, false])
    const initial = await Golden.weightsOf("bert", "initial")
    const [batch] = await Golden.batchesOf("bert")
    const loss = async (microBatch: number) => {
      const feeds = {
        ...initial,
        ...batch,
        ...TrainingModel.freshAccumulators(apply.parameters),
        ...model.units([batch!]),
        ...TrainingModel.weights({ topic: 1 }),
        ...TrainingModel.microBatch(microBatch),
      }
      return (await Onnxruntime.evaluate(add.graph, Golden.fed(add.graph, feeds)))["loss"]!.data[0]
    }
    const losses = [await loss(0), await loss(1), await loss(2)]
    expect(new Set(losses).size).toBe(3)
    expect(await loss(1)).toBe(losses[1])
  })

  it("with rates of 0 leaves the graph as it is without", async () => {
    const phase = await Golden.phaseOf("bert", "nothing")
    const without = Graph.text(update(phase))
    expect(Graph.text(update(await phaseOf("bert", "nothing", {})))).toBe(without)
    expect(without).not.toContain(Dropout.microBatch)
    expect(Graph.text(update(await phaseOf("bert", "nothing", { head: 0.1 })))).toContain(Dropout.microBatch)
  })

  it("gives the same bytes with one thread and with two, and others with another seed", async () => {
    const batches = (await Golden.batchesOf("bert")).slice(0, 3)
    const rates = Object.fromEntries(Techniques.all.map((group) => [group, 1e-4]))
    const train = (threads: number, from: Seed.Seed) =>
      Techniques.train(
        Golden.goldenOf("bert", "nothing"),
        [
          {
            trainable: Techniques.all,
            settings: { dropout: { rates: rated(0.2), seed: from } },
            updates: batches.map((batch) => ({ microBatches: [batch], rates })),
          },
        ],
        { threads },
      )
    const [first, single, other] = [await train(2, seed), await train(1, seed), await train(2, Seed.make(12))]
    expect(single).toEqual(first)
    expect(other.updates[0]!.losses).not.toEqual(first.updates[0]!.losses)
    const plain = Golden.goldenOf("bert", "nothing").updates
    for (const [at, { losses }] of first.updates.entries()) {
      for (const [task, loss] of Object.entries(losses)) {
        expect(loss).not.toBeCloseTo(plain[at]!.losses[task]!, 4)
        expect(Math.abs(loss - plain[at]!.losses[task]!)).toBeLessThan(1)
      }
    }
  })
})
