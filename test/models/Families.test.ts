import { readFileSync } from "node:fs"
import * as Seed from "@thaw/core/Seed"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Head from "@thaw/models/Head"
import * as Network from "@thaw/models/Network"
import type { Tensor } from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Folder from "./encoderFolder.ts"
import * as Golden from "./golden.ts"

type Stored = ReturnType<typeof Folder.tensors>

const stored = ({ shape, data }: Tensor): Stored[string] => ({
  dtype: "F32",
  shape,
  bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
})

/** The golden encoder's tensors without heads. */
const encoderOf = async (family: Golden.FamilyName): Promise<Readonly<Record<string, Tensor>>> =>
  Object.fromEntries(
    Object.entries(await Golden.weightsOf(family, "initial")).filter(([name]) => !/^head\.|pooler/.test(name)),
  )

const load = (family: Golden.FamilyName, tensors: Stored) => {
  const files = {
    "config.json": readFileSync(Golden.path(family, "config.json"), "utf8"),
    "model.safetensors": Folder.safetensors(tensors),
  }
  return Effect.runPromise(
    Encoder.fromFolder.run({ path: Folder.write(files) }) as Effect.Effect<Checkpoint.Checkpoint>,
  )
}
const weightsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))

/** Beside the encoder in a checkpoint of pre-training; all but ModernBERT's head is left behind. */
const beside: Readonly<Record<Golden.FamilyName, ReadonlyArray<string>>> = {
  bert: ["cls.predictions.bias"],
  distilbert: ["vocab_projector.bias"],
  electra: ["discriminator_predictions.dense.weight"],
  modernbert: ["decoder.bias"],
  mpnet: ["lm_head.bias", "mpnet.pooler.dense.weight"],
  roberta: ["lm_head.bias", "roberta.pooler.dense.weight", "classifier.dense.weight"],
}

describe.each(Golden.families)("a folder of %s", (family) => {
  const { prefix } = EncoderConfig.families[family]
  it.each([
    ["with the family's prefix", (name: string) => name],
    ["without it", (name: string) => name.slice(prefix.length + 1)],
    [
      "with gamma and beta",
      (name: string) => name.replace(/(norm\.)weight$/i, "$1gamma").replace(/(norm\.)bias$/i, "$1beta"),
    ],
  ])("is read %s, and what is beside the encoder left behind", async (_, rename) => {
    const expected = await encoderOf(family)
    const tensors = Object.fromEntries(Object.entries(expected).map(([name, tensor]) => [rename(name), stored(tensor)]))
    const more = Object.fromEntries(beside[family].map((name) => [name, Folder.float32(name, [32, 32])]))
    expect(await weightsOf(await load(family, { ...tensors, ...more }))).toEqual(expected)
  })

  it("gets heads of upstream's names for what it reads", () => {
    const config = Golden.configOf(family)
    const names = (head: Head.Head) =>
      Head.network(head, "x", 3, config).parameters.map(({ name }) => name.slice("head.x.".length))
    const both = (module: string) => [`${module}.weight`, `${module}.bias`]
    const projected = [...both("classifier.dense"), ...both("classifier.out_proj")]
    const own = ["head.dense.weight", "head.norm.weight", ...both("classifier")]
    const expected: Readonly<Record<Golden.FamilyName, ReadonlyArray<string>>> = {
      bert: [...both("pooler.dense"), ...both("classifier")],
      distilbert: [...both("pre_classifier"), ...both("classifier")],
      electra: projected,
      modernbert: own,
      mpnet: projected,
      roberta: projected,
    }
    const plain = family === "modernbert" ? own : both("classifier")
    expect(names(Head.classification())).toEqual(expected[family])
    expect(names(Head.classification({ pooling: "mean" }))).toEqual(plain)
    expect(names(Head.tokenClassification())).toEqual(plain)
  })

  it("has every parameter in a group, and each of them once", () => {
    const { blocks } = Golden.configOf(family).dimensions
    const network = EncoderConfig.network(Golden.configOf(family))
    const all = Network.parameters(network)
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
    expect(new Set(all.map(({ group }) => group))).toEqual(new Set(["embeddings", "block.0", "block.1"]))
    // What blocks share stands with the embeddings, and computing any block takes it.
    const upper = Network.parametersOf(network, [`block.${blocks - 1}`]).filter(({ group }) => group === "embeddings")
    expect(upper.map(({ name }) => name)).toEqual(
      family === "mpnet" ? ["mpnet.encoder.relative_attention_bias.weight"] : [],
    )
  })
})

it("ModernBERT's head of pre-training is where new heads of all readings start", async () => {
  const encoder = Object.entries(await encoderOf("modernbert")).map(([name, tensor]) => [name, stored(tensor)] as const)
  const brought = {
    "head.dense.weight": Folder.float32("dense", [32, 32]),
    "head.norm.weight": Folder.float32("norm", [32]),
  }
  const checkpoint = await load("modernbert", { ...Object.fromEntries(encoder), ...brought })
  const labels = ["a", "b"]
  const heads = {
    first: { ...Head.classification(), labels },
    mean: { ...Head.classification({ pooling: "mean" }), labels },
    tags: { ...Head.tokenClassification(), labels },
  }
  const weights = await weightsOf(await Effect.runPromise(Checkpoint.withHeads(checkpoint, heads, Seed.make(1))))
  for (const task of Object.keys(heads)) {
    expect(weights[`head.${task}.head.dense.weight`]!.data).toEqual(Folder.numbers("dense", 32 * 32))
    expect(weights[`head.${task}.head.norm.weight`]!.data).toEqual(Folder.numbers("norm", 32))
  }
})

it("half of a module that a checkpoint may bring is left behind", async () => {
  const encoder = Object.entries(await encoderOf("bert")).map(([name, tensor]) => [name, stored(tensor)] as const)
  const half = { "bert.pooler.dense.weight": Folder.float32("pooler", [32, 32]) }
  const weights = await weightsOf(await load("bert", { ...Object.fromEntries(encoder), ...half }))
  expect(Object.keys(weights)).not.toContain("bert.pooler.dense.weight")
})
