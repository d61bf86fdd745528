import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import * as Seed from "@thaw/core/Seed"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Network from "@thaw/models/Network"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPiece from "@thaw/models/WordPiece"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Golden from "./golden.ts"

let root = ""
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "thaw-checkpoint-"))
})
afterAll(() => rm(root, { recursive: true }))

const vocabulary = [...WordPiece.specials, ...Array.from({ length: 55 }, (_, index) => `w${index}`)]

/** The golden BERT with its pooler, as a folder of upstream's. */
const encoderFolder = async () => {
  const path = join(root, crypto.randomUUID())
  await mkdir(path)
  const initial = await Golden.weightsOf("bert", "initial")
  const weights = Object.fromEntries(Object.entries(initial).filter(([name]) => !name.startsWith("head.")))
  const files = {
    "config.json": JSON.stringify(Golden.configOf("bert").json),
    "vocab.txt": `${vocabulary.join("\n")}\n`,
    "model.safetensors": Safetensors.encode(weights),
  }
  for (const [name, content] of Object.entries(files)) await writeFile(join(path, name), content)
  return path
}

/** What a step's own `run` gives, without a runner. */
const run = <A>(awaitable: A | PromiseLike<A> | Effect.Effect<A, unknown, unknown>): Promise<A> =>
  Effect.isEffect(awaitable) ? Effect.runPromise(awaitable as Effect.Effect<A>) : Promise.resolve(awaitable)
const fromFolder = (path: string) => run(Encoder.fromFolder.run({ path: { path, written: "./encoder" } }))

const tensors = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))

const corpus = (() => {
  const rows = ["the printer prints", "printing papers", "the paper jammed", "print the papers again"].map(
    (text, at) => ({
      id: String(at),
      origin: String(at),
      text,
      labels: {},
      tags: {},
    }),
  )
  const all = Dataset.examples(rows, { labels: [], tags: [] })
  return Dataset.parts<"train">(all, { train: rows }).train
})()
const scratch = (seed: number, more: { readonly initializerRange?: number } = {}) =>
  run(
    Encoder.fromScratch.run({
      corpus,
      vocabularySize: 60,
      blocks: 2,
      hidden: 8,
      heads: 2,
      seed: Seed.make(seed),
      ...more,
    }),
  )

describe("an encoder from scratch", () => {
  it("has a tokenizer of its corpus and upstream's initialisation, from the seed alone", async () => {
    const [checkpoint, again, other] = [await scratch(1), await scratch(1), await scratch(2)]
    const weights = await tensors(checkpoint)
    expect(await tensors(again)).toEqual(weights)
    expect((await tensors(other))["bert.embeddings.word_embeddings.weight"]).not.toEqual(
      weights["bert.embeddings.word_embeddings.weight"],
    )
    const tokenizer = await Effect.runPromise(Checkpoint.tokenizer(checkpoint))
    expect(checkpoint.config.dimensions).toMatchObject({
      vocab: tokenizer.vocabularySize,
      intermediate: 32,
      positions: 128,
    })
    expect(Tokenizer.encode(tokenizer, "the print", { maxTokens: 128 }).ids).not.toContain(1)
    const words = Tensor.numbers(weights["bert.embeddings.word_embeddings.weight"]!)
    const deviation = Math.sqrt(words.reduce((sum, value) => sum + value * value, 0) / words.length)
    expect(deviation).toBeGreaterThan(0.018)
    expect(deviation).toBeLessThan(0.022)
    expect([...new Set(Tensor.numbers(weights["bert.embeddings.LayerNorm.weight"]!))]).toEqual([1])
    expect([...new Set(Tensor.numbers(weights["bert.encoder.layer.1.output.dense.bias"]!))]).toEqual([0])
  })

  it("has weights as far apart as it is asked for, and says so to new heads", async () => {
    const [narrow, wide] = [await tensors(await scratch(1)), await scratch(1, { initializerRange: 0.08 })]
    const weights = await tensors(wide)
    for (const name of ["bert.embeddings.word_embeddings.weight", "bert.encoder.layer.1.output.dense.weight"]) {
      const four = Tensor.numbers(narrow[name]!).map((value) => 4 * value)
      Tensor.numbers(weights[name]!).forEach((value, at) => expect(value).toBeCloseTo(four[at]!, 6))
    }
    expect(weights["bert.embeddings.LayerNorm.weight"]).toEqual(narrow["bert.embeddings.LayerNorm.weight"])
    expect(wide.config.json).toMatchObject({ initializer_range: 0.08 })
  })
})

describe("a reinitialised encoder", () => {
  const reinitialised = (encoder: Checkpoint.Checkpoint, seed: number) =>
    run(Encoder.reinitialised.run({ encoder, seed: Seed.make(seed) }))

  it("is what it was before it learnt anything: the encoder from scratch of the same seed", async () => {
    const fresh = await scratch(1)
    const headed = await Effect.runPromise(Checkpoint.withHeads(fresh, Golden.heads, Seed.make(3)))
    const learnt = Object.entries(await tensors(headed)).map(([name, tensor]) => {
      const numbers = Float32Array.from(Tensor.numbers(tensor), (value) => value + 1)
      return [name, Tensor.float32(tensor.shape, numbers)] as const
    })
    const trained = {
      ...headed,
      weights: Artifact.bytes(Safetensors.encode(Object.fromEntries(learnt))),
      moments: Artifact.bytes(new Uint8Array()),
      training: { updates: { "block.1": 4 }, history: [] },
    }
    expect(await reinitialised(trained, 1)).toEqual(fresh)
    expect(await tensors(await reinitialised(trained, 2))).toEqual(await tensors(await scratch(2)))
  })

  it.each(Golden.families)("has weights of its family, without adapters: %s", async (family) => {
    const config = Golden.configOf(family)
    const lora = { rank: 2, alpha: 4, dropout: 0, targets: ["query"] } as const
    const given = { ...(await scratch(1)), config: { ...config, lora } }
    const made = await reinitialised(given, 1)
    expect(made.config).toEqual(config)
    expect(made.tokenizer).toBe(given.tokenizer)
    const weights = await tensors(made)
    const parameters = Network.parameters(EncoderConfig.network(config))
    expect(Object.keys(weights).sort()).toEqual(parameters.map(({ name }) => name).sort())
    for (const { name, shape } of parameters) expect(weights[name]!.shape, name).toEqual(shape)
  })
})

describe("a checkpoint", () => {
  const files = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.Checkpoint.write(checkpoint))
  const read = (written: Artifact.Files) => Effect.runPromise(Checkpoint.Checkpoint.read(written))

  it("comes back from its files as it was, also from a folder", async () => {
    const checkpoint = await Effect.runPromise(Checkpoint.withHeads(await scratch(1), Golden.heads, Seed.make(3)))
    const trained = { ...checkpoint, training: { updates: { "block.1": 4 }, history: [{ phase: 1 }] } }
    const written = await files(trained)
    expect([...written.keys()].sort()).toEqual([
      "config.json",
      "heads.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
      "training.json",
    ])
    expect(await read(written)).toEqual(trained)
    const folder = join(root, "checkpoint")
    await mkdir(folder)
    for (const [name, content] of written) {
      await writeFile(join(folder, name), await Effect.runPromise(Artifact.contentBytes(content)))
    }
    const fromDisk = await Effect.runPromise(Checkpoint.fromFolder(folder))
    expect(await tensors(fromDisk)).toEqual(await tensors(trained))
    expect(fromDisk.heads).toEqual(Golden.heads)
    expect((await Effect.runPromise(Checkpoint.onDisk(fromDisk, root))).weights).toBe(join(folder, "model.safetensors"))
  })

  it("gets heads whose poolers are copies of the encoder's, and whose start depends on their names alone", async () => {
    const encoder = await fromFolder(await encoderFolder())
    const head: Checkpoint.Head = { kind: "classification", pooling: "cls", labels: ["a", "b"] }
    const add = (heads: Readonly<Record<string, Checkpoint.Head>>) =>
      Effect.runPromise(Checkpoint.withHeads(encoder, heads, Seed.make(5))).then(tensors)
    const [one, two] = [await add({ x: head }), await add({ a: head, x: head })]
    expect(one["head.x.pooler.dense.weight"]).toEqual(one["bert.pooler.dense.weight"])
    expect(one["head.x.classifier.weight"]!.shape).toEqual([2, 32])
    expect(two["head.x.classifier.weight"]).toEqual(one["head.x.classifier.weight"])
    expect(two["head.a.classifier.weight"]).not.toEqual(one["head.x.classifier.weight"])
    const twice = Effect.flip(Checkpoint.withHeads({ ...encoder, heads: { x: head } }, { x: head }, Seed.make(5)))
    expect((await Effect.runPromise(twice)).message).toMatch(/head "x": expected a task without a head/)
    const single = Effect.flip(Checkpoint.withHeads(encoder, { y: { ...head, labels: ["only"] } }, Seed.make(5)))
    expect((await Effect.runPromise(single)).message).toMatch(/head "y": expected at least two labels, got "only"/)
  })

  it("with damaged, missing or foreign files is refused with the place", async () => {
    const written = await files(
      await Effect.runPromise(Checkpoint.withHeads(await scratch(1), Golden.heads, Seed.make(3))),
    )
    const message = async (name: string, content: Uint8Array | undefined) => {
      const changed = new Map(written)
      if (content === undefined) changed.delete(name)
      else changed.set(name, Artifact.bytes(content))
      return (await Effect.runPromise(Effect.flip(Checkpoint.Checkpoint.read(changed)))).message
    }
    const weights = await Effect.runPromise(Artifact.readBytes(written, "model.safetensors"))
    const bytes = (text: string) => new TextEncoder().encode(text)
    expect(await message("model.safetensors", weights.slice(0, -8))).toContain("The file may be incomplete or damaged")
    expect(await message("model.safetensors", undefined)).toMatch(
      /checkpoint, model\.safetensors: expected to be there/,
    )
    expect(await message("model.safetensors", Safetensors.encode({}))).toMatch(
      /bert\.embeddings\.word_embeddings\.weight: expected F32 \[\d+, 8\], got nothing/,
    )
    expect(await message("heads.json", bytes('{"x":{"kind":"ranking"}}'))).toMatch(
      /checkpoint, heads\.json, x: expected .*classification.*, got {"kind":"ranking"}/,
    )
    expect(await message("config.json", bytes('{"model_type":"gpt2"}'))).toMatch(/expected a model_type among/)
    expect(await message("training.json", bytes("{"))).toMatch(/checkpoint, training\.json/)
  })
})
