import * as Seed from "@thaw/core/Seed"
import * as AdamW from "@thaw/models/AdamW"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Group from "@thaw/models/Group"
import * as Lora from "@thaw/models/Lora"
import * as Network from "@thaw/models/Network"
import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"
import * as GoldenLora from "./lora.ts"

const { golden, config, difference } = GoldenLora

describe("training adapters in two blocks and two heads, 50 updates", () => {
  const trained = GoldenLora.train({ threads: 2 })

  it("has PyTorch's losses and gradient norms", async () => {
    const { updates } = await trained
    expect(updates).toHaveLength(50)
    for (const [at, expected] of golden.updates.entries()) {
      const got = updates[at]!
      const near = (a: number, b: number) => expect(Math.abs(a - b) / b, `update ${at}`).toBeLessThan(1e-4)
      near(got.total, expected.total)
      near(got.gradientNorm, expected.gradientNorm)
      expect(Object.keys(got.losses).sort()).toEqual(Object.keys(expected.losses).sort())
      for (const [task, loss] of Object.entries(expected.losses)) near(got.losses[task]!, loss)
    }
  })

  it("has PyTorch's adapters and heads afterwards", async () => {
    const { weights } = await trained
    const expected = await Golden.weightsOf("bert", "lora")
    const before = await GoldenLora.initial()
    expect(Object.keys(weights).sort()).toEqual(Object.keys(expected).sort())
    for (const [name, tensor] of Object.entries(expected)) {
      expect(difference(weights[name]!, tensor), name).toBeLessThan(1e-4)
      const least = name.startsWith("lora.") ? 1e-2 : 1e-3
      expect(difference(before[name]!, tensor), `${name} moved`).toBeGreaterThan(least)
    }
  })

  it("gives the same bytes with one thread", async () => {
    expect(await GoldenLora.train({ threads: 1 })).toEqual(await trained)
  })
})

describe("the graphs of a phase with adapters", () => {
  it("have no gradient of a targeted weight, and no moment of anything but adapters and heads", async () => {
    const { graph, parameters, groups, state } = TrainingModel.make(await GoldenLora.phase()).update(["topic"])
    expect(groups).toEqual(["lora.block.0", "lora.block.1", "head.topic"])
    expect(parameters.every(({ name }) => /^(lora|head\.topic)\./.test(name))).toBe(true)
    expect(Object.keys(state).filter((name) => name.startsWith("exp_avg"))).toHaveLength(2 * parameters.length)
    // The head's pooler has the shape of queries and values, and is the only one that may: output.dense's is its own.
    const shapes = graph.nodes.flatMap((node) => node.outputs.map(({ name, shape }) => [name, shape.join()] as const))
    const wide = shapes.filter(([, shape]) => shape === "32,64" || shape === "64,32")
    expect(wide).toEqual([])
    const full = await GoldenLora.phase({ trainable: ["block.0", "block.1"], config: Golden.configOf("bert") })
    const ofFull = TrainingModel.make(full)
      .update(["topic"])
      .graph.nodes.flatMap(({ outputs }) => outputs)
    expect(ofFull.filter(({ shape }) => shape.join() === "32,64").length).toBeGreaterThan(0)
    const withoutPooler = await GoldenLora.phase({ trainable: Lora.groups(2) })
    const nodes = TrainingModel.make(withoutPooler).update(["topic"]).graph.nodes
    const square = nodes.flatMap(({ outputs }) => outputs).filter(({ shape }) => shape.join() === "32,32")
    expect(square).toEqual([])
  })

  it("cut below the lowest adapted block", async () => {
    const model = TrainingModel.make(await GoldenLora.phase())
    expect(model.boundary).toEqual({ group: "embeddings", form: ["tokens"] })
    const upper = TrainingModel.make(await GoldenLora.phase({ trainable: ["lora.block.1", "head.topic"] }))
    expect(upper.boundary).toEqual({ group: "block.0", form: ["tokens"] })
    // Frozen adapters are part of the bottom.
    const inside = upper.prefix!.initializers.map(({ name }) => name)
    expect(inside.filter((name) => name.startsWith("lora."))).toHaveLength(6)
  })

  it("refuse adapters that the encoder does not have, and targets that are no map", async () => {
    const phase = await GoldenLora.phase({ config: Golden.configOf("bert") })
    expect(() => TrainingModel.make(phase)).toThrow(/expected groups of the encoder and its heads to train, got "lora/)
    const targets = ["querry"] as unknown as Lora.Settings["targets"]
    expect(() => EncoderConfig.network({ ...config, lora: { ...GoldenLora.settings, targets } })).toThrow(
      /lora, targets: expected linear maps of a block: query, key, .*, got "querry"\. Did you mean "query"/,
    )
  })

  it("drop what adapters read and nothing else", async () => {
    const own = { frozen: await GoldenLora.final() }
    const rates = { hidden: 0, attention: 0, head: 0, adapter: 0.5 }
    const dropping = await GoldenLora.phase({ ...own, dropout: { rates, seed: Seed.make(1) } })
    const sum = async (phase: TrainingModel.Phase, weights: Readonly<Record<string, Tensor.Tensor>>) => {
      const { graph, groups, parameters } = TrainingModel.make(phase).update(["topic"])
      const [batch] = await Golden.batchesOf("bert")
      const below = TrainingModel.make(phase).prefix!
      const { hidden } = await Onnxruntime.evaluate(below, Golden.fed(below, batch!))
      const feeds = {
        ...batch!,
        ...weights,
        ...TrainingModel.weights(GoldenLora.golden.weights),
        hidden: hidden!,
        ...TrainingModel.freshMoments(AdamW.make(), parameters),
        ...TrainingModel.microBatch(0),
        ...TrainingModel.rates(
          phase,
          groups.map((group) => ({ group, learningRate: 1e-3, count: 1 })),
        ),
      }
      return (await Onnxruntime.evaluate(graph, Golden.fed(graph, feeds)))["loss"]!.data[0]
    }
    const [fresh, final] = [await GoldenLora.initial(), await GoldenLora.final()]
    const whole = await GoldenLora.phase(own)
    // B is 0 at first: whatever A reads, nothing of it arrives.
    expect(await sum(dropping, fresh)).toBe(await sum(whole, fresh))
    expect(await sum(dropping, final)).not.toBe(await sum(whole, final))
  })
})

describe("inference with adapters", () => {
  it("has PyTorch's logits", async () => {
    const logits = await GoldenLora.answers(GoldenLora.checkpointOf(await GoldenLora.final()))
    const expected = await Golden.weightsOf("bert", "lora.logits")
    for (const [name, tensor] of Object.entries(expected)) expect(difference(logits[name]!, tensor)).toBeLessThan(1e-5)
  })

  it("gives the same as without them when they are new", async () => {
    const weights = await GoldenLora.initial()
    const without = GoldenLora.checkpointOf(weights, Golden.configOf("bert"))
    expect(await GoldenLora.answers(GoldenLora.checkpointOf(weights))).toEqual(await GoldenLora.answers(without))
  })
})

/** Upstream's names of the map that gives values, in the second block. */
const values = {
  bert: "bert.encoder.layer.1.attention.self.value",
  distilbert: "distilbert.transformer.layer.1.attention.v_lin",
  electra: "electra.encoder.layer.1.attention.self.value",
  modernbert: "model.layers.1.attn.Wqkv",
  mpnet: "mpnet.encoder.layer.1.attention.attn.v",
  roberta: "roberta.encoder.layer.1.attention.self.value",
} as const satisfies Readonly<Record<Golden.FamilyName, string>>

describe("the parameters of adapters", () => {
  it.each(Golden.families)("of %s have a group of their own in every block and upstream's names", (family) => {
    const of = (targets: Lora.Settings["targets"]) =>
      Network.parameters(
        EncoderConfig.network({ ...Golden.configOf(family), lora: { ...GoldenLora.settings, targets } }),
      ).filter(({ group }) => Group.isAdapters(group))
    const map = values[family]
    // ModernBERT keeps queries, keys and values in one weight, which then has one adapter.
    const [outputs, weights] = family === "modernbert" ? [96, 4] : [32, 6]
    const found = of(["value"]).filter(({ group }) => group === "lora.block.1")
    expect(found.map(({ name, shape }) => [name, shape])).toEqual([
      [`lora.${map}.A`, [4, 32]],
      [`lora.${map}.B`, [outputs, 4]],
    ])
    const all = of([...Lora.targets] as unknown as Lora.Settings["targets"])
    expect(all).toHaveLength(2 * 2 * weights)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  })

  it("stand as high as their block and are part of what computes it", () => {
    expect(Group.depth("lora.block.1", 2)).toBe(Group.depth("block.1", 2))
    expect(Group.hostOf("lora.block.1")).toBe("block.1")
    expect(Group.hostOf("head.lora.block")).toBe("head.lora.block")
  })

  it("start with A uniform in ±1/√inputs and B at 0", () => {
    const shape = [64, 400]
    const base = { name: "lora.x.A", shape, group: "lora.block.0", decays: true } as const
    const numbers = Tensor.numbers(Parameter.initialise({ ...base, initial: { uniform: 1 / 20 } }, Seed.make(3)))
    expect(Math.max(...numbers.map(Math.abs))).toBeLessThanOrEqual(0.05)
    expect(Math.max(...numbers.map(Math.abs))).toBeGreaterThan(0.0499)
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length
    const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length
    expect(Math.abs(mean)).toBeLessThan(1e-3)
    expect(variance / (0.05 ** 2 / 3)).toBeCloseTo(1, 1)
    const own = Network.parameters(EncoderConfig.network(config)).filter(({ name }) => name.startsWith("lora."))
    for (const {
      name,
      shape: [first, last],
      initial,
    } of own) {
      expect(initial).toEqual(name.endsWith(".B") ? "zeros" : { uniform: 1 / Math.sqrt(last!) })
      expect(name.endsWith(".B") ? last : first).toBe(4)
    }
  })
})
