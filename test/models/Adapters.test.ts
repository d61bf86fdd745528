import * as Artifact from "@thaw/core/Artifact"
import * as Seed from "@thaw/core/Seed"
import * as Adapters from "@thaw/models/Adapters"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"
import * as GoldenLora from "./lora.ts"

const { settings, difference, answers } = GoldenLora
const seed = Seed.make(5)

const bare = async () => GoldenLora.checkpointOf(await Golden.weightsOf("bert", "initial"), Golden.configOf("bert"))
const trained = async () => GoldenLora.checkpointOf(await GoldenLora.final())
const begin = (checkpoint: Checkpoint.Checkpoint, of = settings) =>
  Effect.runPromise(Adapters.begin(checkpoint, of, seed))
const merged = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Adapters.merged(checkpoint))
const tensors = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))
const adaptersOf = (all: Readonly<Record<string, Tensor.Tensor>>) =>
  Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith("lora.")))

const near = async (a: Checkpoint.Checkpoint, b: Checkpoint.Checkpoint, most: number) => {
  const [left, right] = [await answers(a), await answers(b)]
  for (const name of Object.keys(left)) expect(difference(left[name]!, right[name]!), name).toBeLessThan(most)
}

describe("adapters begin", () => {
  it("beside weights that stay as they are, and change no bit of an answer", async () => {
    const [before, after] = [await bare(), await begin(await bare())]
    expect(await tensors(after)).toMatchObject(await tensors(before))
    expect(Object.keys(adaptersOf(await tensors(after)))).toHaveLength(12)
    expect(await answers(after)).toEqual(await answers(before))
  })

  it("the same for the same seed, otherwise for another", async () => {
    const first = await begin(await bare())
    expect(await tensors(await begin(await bare()))).toEqual(await tensors(first))
    const other = await Effect.runPromise(Adapters.begin(await bare(), settings, Seed.make(6)))
    expect(adaptersOf(await tensors(other))).not.toEqual(adaptersOf(await tensors(first)))
  })

  it("not anew where the checkpoint has those of the settings, whatever dropout says", async () => {
    const before = await trained()
    const targets = [...settings.targets].reverse() as unknown as typeof settings.targets
    const after = await begin(before, { ...settings, dropout: 0.1, targets })
    expect(after.weights).toBe(before.weights)
    expect(after.config.lora?.dropout).toBe(0.1)
  })

  it("anew where the settings differ, after the old ones are merged", async () => {
    const before = await trained()
    const after = await begin(before, { ...settings, rank: 2 })
    expect((await tensors(after))["lora.bert.encoder.layer.0.output.dense.A"]!.shape).toEqual([2, 64])
    await near(after, before, 1e-5)
    await near(after, await merged(before), 1e-9)
  })
})

describe("merging", () => {
  it("gives the same answers up to rounding, without a trace of adapters", async () => {
    const before = await trained()
    const after = await merged(before)
    expect(after.config).toEqual(Golden.configOf("bert"))
    expect(Object.keys(await tensors(after)).sort()).toEqual(Object.keys(await tensors(await bare())).sort())
    await near(after, before, 1e-5)
    const gap = await answers(await bare())
    const logits = await answers(after)
    expect(difference(gap["logits.topic"]!, logits["logits.topic"]!)).toBeGreaterThan(0.01)
  })

  it("leaves counts and moments of adapters behind and keeps all others", async () => {
    const given = await trained()
    const own = await GoldenLora.final()
    const a = "lora.bert.encoder.layer.0.output.dense.A"
    const moments = {
      [`exp_avg.${a}`]: own[a]!,
      "exp_avg.head.topic.classifier.bias": own["head.topic.classifier.bias"]!,
    }
    const after = await merged({
      ...given,
      moments: Artifact.bytes(Safetensors.encode(moments)),
      training: { updates: { "lora.block.0": 3, "head.topic": 4 }, history: ["kept"] },
    })
    expect(after.training).toEqual({ updates: { "head.topic": 4 }, history: ["kept"] })
    const { bytes } = after.moments as Extract<Artifact.Content, { readonly _tag: "Bytes" }>
    const { tensors: left } = await Effect.runPromise(Safetensors.decode(bytes))
    expect(Object.keys(left)).toEqual(["exp_avg.head.topic.classifier.bias"])
  })

  it("gives a checkpoint without adapters back as it is", async () => {
    const given = await bare()
    expect(await merged(given)).toBe(given)
  })
})

describe("a checkpoint with adapters", () => {
  const files = async (checkpoint: Checkpoint.Checkpoint) =>
    new Map(await Effect.runPromise(Checkpoint.Checkpoint.write(checkpoint)))

  it("is written and read back with them", async () => {
    const given = await trained()
    const written = await files(given)
    expect(JSON.parse(await Effect.runPromise(Artifact.readText(written, "lora.json")))).toEqual(settings)
    const read = await Effect.runPromise(Checkpoint.Checkpoint.read(written))
    expect(read.config).toEqual(given.config)
    expect(Checkpoint.parameters(read).filter(({ name }) => name.startsWith("lora."))).toHaveLength(12)
    expect((await files(await bare())).has("lora.json")).toBe(false)
  })

  it("is refused where one of their tensors is missing", async () => {
    const { "lora.bert.encoder.layer.1.attention.self.query.B": _, ...weights } = await GoldenLora.final()
    const read = Checkpoint.Checkpoint.read(await files(GoldenLora.checkpointOf(weights)))
    const error = await Effect.runPromise(Effect.flip(read))
    expect(error.message).toMatch(/model\.safetensors, lora\.bert.*query\.B: expected F32 \[32, 4\], got nothing/)
  })
})
