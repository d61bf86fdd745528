/**
 * Folders that are wrong or want harm, as a pipeline meets them: one sentence each, and nothing is kept of them.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as WordPiece from "@thaw/models/WordPiece"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as World from "../core/world.ts"
import * as Checkpoints from "../steps/export/checkpoints.ts"
import * as Folder from "./encoderFolder.ts"

const root = mkdtempSync(path.join(tmpdir(), "thaw-hostile-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const filesBelow = (folder: string): ReadonlyArray<string> =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((each) =>
        each.isFile() ? [path.join(each.parentPath, each.name)] : [],
      )
    : []

/** The sentence that a run with this encoder ends with; fails where the run left anything behind. */
const refusalOf = async (encoder: ReturnType<typeof Encoder.fromFolder>, source: string) => {
  const home = mkdtempSync(path.join(root, "home-"))
  const before = filesBelow(source)
  const world = World.make(4, () => ({}), ArtifactStore.folder(home))
  const failed = (await world.failure(Pipeline.make("x", { seed: 1, outputs: { encoder } }))) as { problem: string }
  const kept = ["artifacts", "results", "progress", "cache"].flatMap((each) =>
    filesBelow(path.join(home, "store", each)),
  )
  expect(kept).toEqual([])
  expect(filesBelow(source)).toEqual(before)
  return failed.problem.replaceAll(source, "./encoder")
}

const refusal = async (files: Parameters<typeof Folder.write>[0]) => {
  const { path: folder } = Folder.write(files)
  return refusalOf(Encoder.fromFolder({ path: folder }), folder)
}

const weights = (tensors: Parameters<typeof Folder.safetensors>[0]) => ({
  "model.safetensors": Folder.safetensors(tensors),
})
const config = (more: object) => ({ "config.json": JSON.stringify({ ...Folder.config, ...more }) })
const words = "bert.embeddings.word_embeddings.weight"

describe("a folder is refused", () => {
  it("without a tokenizer", async () => {
    expect(await refusal({ "vocab.txt": undefined })).toBe(
      './encoder: expected a tokenizer.json, a vocab.txt, or a vocab.json with merges.txt, got "config.json", "model.safetensors".',
    )
  })

  it("whose config says another hidden size", async () => {
    expect(await refusal(config({ hidden_size: 16 }))).toBe(
      `./encoder/model.safetensors, ${words}: expected floating-point numbers [12, 16], as config.json says, got float32 [12, 8]. The config and the weights may be of two different encoders.`,
    )
    expect(await refusal(config({ hidden_size: 9 }))).toBe(
      "./encoder, config.json: expected a hidden size that 2 attention heads divide, got 9.",
    )
  })

  it("whose tokenizer has more tokens than the table of words has rows", async () => {
    expect(await refusal(config({ vocab_size: 11 }))).toBe(
      "./encoder: expected a tokenizer of at most 11 tokens, as config.json says, got 12. The tokenizer and the config may be of two different encoders.",
    )
    const short = { ...Folder.tensors(), [words]: Folder.float32(words, [11, 8]) }
    expect(await refusal(weights(short))).toBe(
      `./encoder/model.safetensors, ${words}: expected floating-point numbers [12, 8], as config.json says, got float32 [11, 8]. The config and the weights may be of two different encoders.`,
    )
  })

  it("whose tokenizer has an id far beyond the table of words, or below it", async () => {
    const json = Effect.runSync(WordPiece.tokenizerJson(Folder.vocabulary, "vocab.txt"))
    expect(await refusal({ "tokenizer.json": json.replace('"cat":6', '"cat":2000000000') })).toBe(
      "./encoder: expected a tokenizer of at most 12 tokens, as config.json says, got 2000000001. The tokenizer and the config may be of two different encoders.",
    )
    expect(await refusal({ "tokenizer.json": json.replace('"cat":6', '"cat":-1') })).toBe(
      "./encoder, tokenizer.json, model.vocab.cat: expected a value greater than or equal to 0, got -1. Read are WordPiece of the BERT kind, byte-level BPE and Unigram (SentencePiece) of the XLM-R kind.",
    )
  })

  it("with a tensor missing, by its name", async () => {
    const { "bert.encoder.layer.0.output.dense.bias": _, ...others } = Folder.tensors()
    expect(await refusal(weights(others))).toBe(
      './encoder/model.safetensors: expected 21 tensors of a bert encoder, got a file without "bert.encoder.layer.0.output.dense.bias". Did you mean "bert.encoder.layer.0.output.dense.weight"?',
    )
  })

  it("with tensors of an encoder that it does not describe, by their names", async () => {
    const above = Object.fromEntries(
      Object.entries(Folder.tensors()).flatMap(([name, tensor]) =>
        name.includes("layer.0.output") ? [[name.replace("layer.0", "layer.1"), tensor]] : [],
      ),
    )
    const computesElse =
      "An encoder without them computes something else: config.json may say fewer blocks, or adapters were not merged."
    expect(await refusal(weights({ ...Folder.tensors(), ...above }))).toBe(
      `./encoder/model.safetensors: expected 21 tensors of a bert encoder, got "bert.encoder.layer.1.output.dense.weight", "bert.encoder.layer.1.output.dense.bias", "bert.encoder.layer.1.output.LayerNorm.weight" and 1 more besides. ${computesElse}`,
    )
    const adapter = { "encoder.layer.0.attention.self.query.lora_A.weight": Folder.float32("A", [2, 8]) }
    const bare = Folder.tensors((name) => name.replace(/^bert\./, ""))
    expect(await refusal(weights({ ...bare, ...adapter }))).toBe(
      `./encoder/model.safetensors: expected 21 tensors of a bert encoder, got "bert.encoder.layer.0.attention.self.query.lora_A.weight" besides. ${computesElse}`,
    )
  })

  it.each([
    ["NaN", Number.NaN],
    ["Infinity", Number.POSITIVE_INFINITY],
    ["-Infinity", Number.NEGATIVE_INFINITY],
  ])("with a weight that is %s", async (name, value) => {
    const bias = "bert.encoder.layer.0.output.dense.bias"
    const broken = (store: Folder.Stored, numbers: Float32Array | Float16Array) => {
      numbers[5] = value
      return weights({ ...Folder.tensors(), [bias]: { ...store, bytes: new Uint8Array(numbers.buffer) } })
    }
    const sentence = `./encoder/model.safetensors, ${bias}: expected finite numbers, got ${name} at element 5 of [8]. The training that made it may have diverged; take another checkpoint.`
    expect(await refusal(broken(Folder.float32(bias, [8]), new Float32Array(8)))).toBe(sentence)
    expect(await refusal(broken(Folder.float16(bias, [8]), new Float16Array(8)))).toBe(sentence)
  })
})

/** A safetensors file with any header. */
const raw = (header: string, data: number, length = BigInt(Buffer.byteLength(header))) => {
  const first = Buffer.alloc(8)
  first.writeBigUint64LE(length)
  return { "model.safetensors": Buffer.concat([first, Buffer.from(header), Buffer.alloc(data)]) }
}
const entry = (begin: number, end: number, shape: ReadonlyArray<number>) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
})

describe("a header that wants harm is refused", () => {
  it.each<[string, ReturnType<typeof raw>, string]>([
    [
      "with tensors that overlap",
      raw(JSON.stringify({ a: entry(0, 8, [2]), b: entry(4, 12, [2]) }), 12),
      './encoder/model.safetensors, tensor "b": expected data from byte 8, got 4, which overlaps the tensor before it.',
    ],
    [
      "with offsets of 2^60",
      raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[${2n ** 60n},${2n ** 60n + 4n}]}}`, 4),
      './encoder/model.safetensors, tensor "a": expected dtype, shape and data_offsets, got {"dtype":"F32","shape":[1],"data_offsets":[1152921504606847000,11529215046068….',
    ],
    [
      "with a shape of 2^60 numbers",
      raw(JSON.stringify({ a: entry(0, 4, [2 ** 30, 2 ** 30]) }), 4),
      './encoder/model.safetensors, tensor "a": expected a size that can be counted, got [1073741824, 1073741824].',
    ],
    [
      "that goes beyond the file",
      raw(JSON.stringify({ a: entry(0, 4_000_000_000_000, [1_000_000_000_000]) }), 4),
      './encoder/model.safetensors, tensor "a": expected a range within 4 bytes of data, got the range 0 to 4000000000000. The file may be incomplete or damaged: fetch or write it again.',
    ],
    [
      "that says it is longer than the file",
      raw("{}", 0, 5000n),
      "./encoder/model.safetensors: expected a header of 5000 bytes, got a file of 10 bytes. The file may be incomplete or damaged: fetch or write it again.",
    ],
  ])("%s", async (_, files, sentence) => {
    expect(await refusal(files)).toBe(sentence)
  })

  it("of 200 MB, of which nothing is read", async () => {
    const { path: folder } = Folder.write(raw("{", 0, 200_000_000n))
    // All there, as a file with holes.
    truncateSync(path.join(folder, "model.safetensors"), 200_000_008)
    expect(await refusalOf(Encoder.fromFolder({ path: folder }), folder)).toBe(
      "./encoder/model.safetensors: expected a safetensors header of at most 100000000 bytes, got a length of 200000000. It may be a file of another format.",
    )
  })
})

describe("a path that climbs out is refused", () => {
  it.each([
    "../secret.safetensors",
    "/etc/secret.safetensors",
    "a/../../b.safetensors",
    "..\\b.safetensors",
    ".hidden.safetensors",
  ])("of a shard: %s", async (shard) => {
    writeFileSync(path.join(root, "secret.safetensors"), Folder.safetensors(Folder.tensors()))
    const index = JSON.stringify({ metadata: {}, weight_map: { [words]: shard } })
    expect(await refusal({ "model.safetensors": undefined, "model.safetensors.index.json": index })).toBe(
      `./encoder/model.safetensors.index.json, weight_map.${words}: expected a string matching the RegExp ^[\\w-][\\w.-]*\\.(safetensors|bin)$, got ${JSON.stringify(shard)}.`,
    )
  })
})

describe("a checkpoint's folder is refused", () => {
  const checkpoint = Checkpoints.make("bert")
  const refused = async (change: (folder: string) => void) => {
    const folder = mkdtempSync(path.join(root, "checkpoint-"))
    for (const [name, content] of await Effect.runPromise(Checkpoint.Checkpoint.write(checkpoint))) {
      writeFileSync(path.join(folder, name), await Effect.runPromise(Artifact.contentBytes(content)))
    }
    change(folder)
    return refusalOf(Encoder.fromCheckpoint({ path: folder }), folder)
  }
  const edit = (folder: string, name: string, from: string, to: string) => {
    const file = path.join(folder, name)
    const text = readFileSync(file, "utf8")
    expect(text).toContain(from)
    writeFileSync(file, text.replace(from, to))
  }

  it("with a weight that is no number", async () => {
    const sentence = await refused((folder) => {
      const file = path.join(folder, "model.safetensors")
      const bytes = readFileSync(file)
      bytes.writeFloatLE(Number.NaN, bytes.length - 4)
      writeFileSync(file, bytes)
    })
    expect(sentence).toMatch(
      /^\.\/encoder, head\.topic\.pooler\.dense\.weight: expected finite numbers, got NaN at element 1023 of \[32, 32\]\. The training/,
    )
  })

  it("with a tokenizer of another encoder, or without", async () => {
    expect(await refused((folder) => edit(folder, "tokenizer.json", '"dog":12', '"dog":99'))).toBe(
      "./encoder: expected a tokenizer of at most 15 tokens, as config.json says, got 100. The tokenizer and the config may be of two different encoders.",
    )
    expect(await refused((folder) => rmSync(path.join(folder, "tokenizer.json")))).toBe(
      './encoder: expected a folder with a checkpoint, got a folder without "tokenizer.json". Export.checkpoint makes one; runs tell where.',
    )
  })

  it("with another hidden size, or heads that its weights have not", async () => {
    expect(await refused((folder) => edit(folder, "config.json", '"hidden_size": 32', '"hidden_size": 64'))).toBe(
      `checkpoint, model.safetensors, ${words}: expected F32 [15, 64], got F32 [15, 32].`,
    )
    expect(await refused((folder) => edit(folder, "heads.json", '"10"', '"10","11"'))).toBe(
      "checkpoint, model.safetensors, head.topic.classifier.weight: expected F32 [4, 32], got F32 [3, 32].",
    )
  })
})
