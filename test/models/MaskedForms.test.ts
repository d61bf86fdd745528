/** Heads for hidden tokens of every family against PyTorch, and where new ones start: at those of the encoder's folder. */
import { readFileSync } from "node:fs"
import path from "node:path"
import * as Gradient from "@thaw/autodiff/Gradient"
import * as Seed from "@thaw/core/Seed"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as CrossEntropy from "@thaw/models/CrossEntropy"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as EncoderDigest from "@thaw/models/EncoderDigest"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as MaskedHead from "@thaw/models/MaskedHead"
import * as Parameter from "@thaw/models/Parameter"
import * as Graph from "@thaw/onnx/Graph"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as Checkpoints from "../steps/export/checkpoints.ts"
import * as Folder from "./encoderFolder.ts"
import * as Golden from "./golden.ts"

const forms = Effect.runPromise(
  Safetensors.read(path.join(import.meta.dirname, "../fixtures/masked/forms.safetensors")),
)

/** What the fixture has of a family, by name. */
const goldenOf = async (family: string): Promise<Readonly<Record<string, Tensor.Tensor>>> =>
  Object.fromEntries(
    Object.entries(await forms).flatMap(([name, tensor]) =>
      name.startsWith(`${family}.`) ? [[name.slice(family.length + 1), tensor]] : [],
    ),
  )

const task = "gaps"
const group = Group.head(task)

const close = (got: Tensor.Tensor | undefined, expected: Tensor.Tensor, name: string) => {
  expect(got!.shape, name).toEqual(expected.shape)
  const numbers = Tensor.numbers(expected)
  const most = Math.max(1, ...numbers.map(Math.abs))
  const worst = Math.max(...Tensor.numbers(got!).map((each, at) => Math.abs(each - numbers[at]!)))
  expect(worst / most, name).toBeLessThan(1e-5)
}

const families = ["distilbert", "electra", "modernbert", "mpnet", "roberta", "xlm-roberta"] as const
const sameAs = (family: (typeof families)[number]) => (family === "xlm-roberta" ? "roberta" : family)

describe.each(families)("the head for hidden tokens of %s", (family) => {
  it("has PyTorch's logits, loss and gradients, those of the table of words included", async () => {
    const golden = await goldenOf(sameAs(family))
    const config = Checkpoints.configOf(family, {})
    const head = MaskedHead.tied(config, group)
    const weights = Parameter.inputs()
    const vectors = Value.input("vectors", "float32", ["masked", config.dimensions.hidden])
    const labels = Value.input("labels", "int32", ["masked"])
    const logits = MaskedHead.logits(head, weights, vectors)
    const loss = CrossEntropy.loss(logits, labels, {})
    const words = EncoderConfig.network(config).embeddings.words
    const names = [...MaskedHead.upstreamNames(config, group), [words.name, "E"] as const]
    const parameters = [...MaskedHead.ownParameters(head), words]
    const gradients = Gradient.of(loss, parameters.map(weights))
    const outputs = Object.fromEntries(parameters.map(({ name }, at) => [`d.${name}`, gradients[at]!]))
    const graph = Graph.make({ name: "head", outputs: { logits, loss, ...outputs } })
    const found = await Onnxruntime.evaluate(graph, {
      vectors: golden["vectors"]!,
      labels: golden["labels"]!,
      ...Object.fromEntries(names.map(([own, upstream]) => [own, golden[upstream]!])),
    })
    close(found["logits"], golden["logits"]!, "logits")
    close(found["loss"], golden["loss"]!, "loss")
    for (const [own, upstream] of names) close(found[`d.${own}`], golden[`d.${upstream}`]!, upstream)
  })

  it("begins with the numbers of the folder that the encoder comes from, and counts as trained there", async () => {
    const golden = await goldenOf(sameAs(family))
    const { config, checkpoint } = await load(family, golden)
    const weights = await tensorsOf(checkpoint)
    const headed = await Effect.runPromise(Checkpoint.withHeads(checkpoint, heads, Seed.make(1)))
    const after = await tensorsOf(headed)
    const names = MaskedHead.upstreamNames(config, group)
    for (const [own, upstream] of names) expect(after[own]!.data, upstream).toEqual(golden[upstream]!.data)
    expect(headed.training.trainedOn).toEqual({ [task]: EncoderDigest.ofTensors(config, weights) })
    // In other words: nothing of it is random.
    const other = await Effect.runPromise(Checkpoint.withHeads(checkpoint, heads, Seed.make(2)))
    expect(await tensorsOf(other)).toEqual(after)
  })

  it("begins random where the folder has none, has half of it, or one whose decoder is another", async () => {
    const golden = await goldenOf(sameAs(family))
    const bias = Object.keys(golden).find((name) => /^(?!d\.).*(lm_head|projector|decoder)\.bias$/u.test(name))
    const { [bias!]: _, ...half } = golden
    const cases = [
      await load(family, {}),
      await load(family, half),
      await load(family, golden, { tie_word_embeddings: false }),
    ]
    for (const { config, checkpoint } of cases) {
      const headed = await Effect.runPromise(Checkpoint.withHeads(checkpoint, heads, Seed.make(1)))
      const [own] = MaskedHead.upstreamNames(config, group)[0]!
      // ModernBERT's map before the decoder is where heads of all kinds begin.
      const isShared = family === "modernbert" && Object.hasOwn(await tensorsOf(checkpoint), "head.dense.weight")
      if (!isShared) expect((await tensorsOf(headed))[own]!.data).not.toEqual(golden[own.slice(group.length + 1)]!.data)
      expect(headed.training.trainedOn).toBeUndefined()
    }
  })
})

it("a head for hidden tokens that came along is read under its older names, without the decoder's weight", async () => {
  const folder = path.join(import.meta.dirname, "../fixtures/masked")
  const read = Encoder.fromFolder.run({
    path: { path: folder, written: "./bert" },
  }) as Effect.Effect<Checkpoint.Checkpoint>
  const checkpoint = await Effect.runPromise(read)
  const stored = Effect.runSync(Safetensors.decode(readFileSync(path.join(folder, "model.safetensors")))).tensors
  const headed = await tensorsOf(await Effect.runPromise(Checkpoint.withHeads(checkpoint, heads, Seed.make(1))))
  const transform = "cls.predictions.transform"
  expect(headed[`${group}.${transform}.LayerNorm.weight`]).toEqual(stored[`${transform}.LayerNorm.gamma`])
  expect(headed[`${group}.cls.predictions.decoder.bias`]).toEqual(stored["cls.predictions.bias"])
  expect(Object.keys(headed).filter((name) => name.endsWith("decoder.weight"))).toEqual([])
})

const heads = { [task]: { ...Head.maskedTokens(), labels: [] } }
const tensorsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))

/** A folder of the golden encoder with what the fixture has of a head. */
const load = async (
  family: (typeof families)[number],
  golden: Readonly<Record<string, Tensor.Tensor>>,
  more: object = {},
) => {
  const config = Checkpoints.configOf(family, more)
  const isHead = (name: string) => name.includes(".") && !name.startsWith("d.")
  const encoder = Object.entries(await Golden.weightsOf(sameAs(family), "initial"))
  const own = new Set(EncoderDigest.names(config))
  const all = [...encoder.filter(([name]) => own.has(name)), ...Object.entries(golden).filter(([name]) => isHead(name))]
  const stored = all.map(([name, { shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    return [name, { dtype: "F32", shape, bytes } as const] as const
  })
  const files = {
    "config.json": JSON.stringify(config.json),
    "model.safetensors": Folder.safetensors(Object.fromEntries(stored)),
  }
  const read = Encoder.fromFolder.run({ path: Folder.write(files) }) as Effect.Effect<Checkpoint.Checkpoint>
  return { config, checkpoint: await Effect.runPromise(read) }
}
