import * as Seed from "@thaw/core/Seed"
import * as AdamW from "@thaw/models/AdamW"
import * as Adapters from "@thaw/models/Adapters"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"
import * as GoldenLora from "./lora.ts"

const settings = { rank: 4, alpha: 8, dropout: 0, targets: ["query", "value"] } as const
const trainable = ["lora.block.0", "lora.block.1", "head.topic"]

/** The golden ModernBERT with adapters after one update, from a B that is not 0 so that A moves too. */
const updated = async () => {
  const bare = GoldenLora.checkpointOf(await Golden.weightsOf("modernbert", "initial"), Golden.configOf("modernbert"))
  const checkpoint = await Effect.runPromise(Adapters.begin(bare, settings, Seed.make(2)))
  const weights = await Effect.runPromise(Checkpoint.tensors(checkpoint))
  const phase = {
    config: checkpoint.config,
    heads: Golden.heads,
    trainable,
    optimizer: AdamW.make(),
    maxGradientNorm: 1,
  }
  const frozen = Object.fromEntries(
    TrainingModel.frozenParameters(phase).map(({ name }) => [name, weights[name]!] as const),
  )
  const model = TrainingModel.make({ ...phase, frozen })
  const { graph, groups } = model.update(["topic"])
  const batch = (await Golden.batchesOf("modernbert"))[0]!
  const crossing = await Onnxruntime.evaluate(model.prefix!, Golden.fed(model.prefix!, batch))
  const rates = TrainingModel.rates(
    phase,
    groups.map((group) => ({ group, learningRate: 1e-2, count: 1 })),
  )
  const given = { ...batch, ...crossing, ...rates, ...TrainingModel.weights({ topic: 1 }) }
  const feeds = { ...weights, ...TrainingModel.freshMoments(phase.optimizer, model.parameters), ...given }
  const next = await Onnxruntime.evaluate(graph, Golden.fed(graph, feeds))
  const after = Object.fromEntries(
    Object.entries(weights).map(([name, tensor]) => [name, next[`next.${name}`] ?? tensor]),
  )
  return GoldenLora.checkpointOf(after, checkpoint.config)
}

describe("adapters of queries and values that are one weight with keys", () => {
  it("are one adapter, whose rows of keys stay 0", async () => {
    const weights = await Effect.runPromise(Checkpoint.tensors(await updated()))
    expect(Object.keys(weights).filter((name) => name.startsWith("lora."))).toHaveLength(4)
    for (const block of [0, 1]) {
      const up = Tensor.numbers(weights[`lora.model.layers.${block}.attn.Wqkv.B`]!)
      const part = (at: number) => up.slice(at * 32 * 4, (at + 1) * 32 * 4)
      expect(new Set(part(1))).toEqual(new Set([0]))
      for (const at of [0, 2]) expect(part(at).every((number) => number !== 0)).toBe(true)
    }
  })

  it("give the same answers when they are merged", async () => {
    const before = await updated()
    const after = await Effect.runPromise(Adapters.merged(before))
    const [left, right] = [await GoldenLora.answers(before), await GoldenLora.answers(after)]
    for (const name of Object.keys(left)) expect(GoldenLora.difference(left[name]!, right[name]!)).toBeLessThan(1e-5)
    const bare = GoldenLora.checkpointOf(await Golden.weightsOf("modernbert", "initial"), Golden.configOf("modernbert"))
    const without = await GoldenLora.answers(bare)
    expect(GoldenLora.difference(without["logits.entities"]!, left["logits.entities"]!)).toBeGreaterThan(1e-3)
  })
})
