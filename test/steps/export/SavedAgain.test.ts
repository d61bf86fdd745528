/** What is saved, loaded and saved again is the same bytes, for every family; a tensor that is used twice is stored once. */
import { createHash } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Seed from "@thaw/core/Seed"
import * as Adapters from "@thaw/models/Adapters"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderDigest from "@thaw/models/EncoderDigest"
import * as Head from "@thaw/models/Head"
import * as TextSet from "@thaw/models/TextSet"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Checkpoints from "./checkpoints.ts"

const root = mkdtempSync(path.join(tmpdir(), "thaw-again-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What tells bytes apart, by name: comparing them one by one takes long. */
const digests = (files: Readonly<Record<string, Uint8Array>>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(files).map(([name, bytes]) => [name, createHash("sha256").update(bytes).digest("hex")]),
  )

const filesOf = async (checkpoint: Checkpoint.Checkpoint): Promise<Readonly<Record<string, Uint8Array>>> => {
  const found: Record<string, Uint8Array> = {}
  for (const [name, content] of await Effect.runPromise(Checkpoint.Checkpoint.write(checkpoint))) {
    found[name] = await Effect.runPromise(Artifact.contentBytes(content))
  }
  return found
}

const save = async (checkpoint: Checkpoint.Checkpoint) => {
  const folder = mkdtempSync(path.join(root, "checkpoint-"))
  const files = await filesOf(checkpoint)
  for (const [name, bytes] of Object.entries(files)) writeFileSync(path.join(folder, name), bytes)
  return { folder, files }
}

const loadEncoder = (folder: string, task?: string) =>
  Effect.runPromise(
    Encoder.fromFolder.run({
      path: { path: folder, written: folder },
      ...(task === undefined ? {} : { task }),
    }) as Effect.Effect<Checkpoint.Checkpoint>,
  )

const heads = { ...Checkpoints.heads, words: { ...Head.maskedTokens(), labels: [] } }

/** With everything that a checkpoint can have. */
const whole = async (family: Checkpoints.FamilyName): Promise<Checkpoint.Checkpoint> => {
  const made = Checkpoints.make(family, { heads, tokenizerConfig: '{"model_max_length": 12}' })
  const adapted = Adapters.begin(made, { rank: 2, alpha: 4, dropout: 0.1, targets: ["query", "value"] }, Seed.make(3))
  const checkpoint = await Effect.runPromise(adapted)
  const moments = { "exp_avg.x": Tensor.float32([2], [1, 2]), "exp_avg_sq.x": Tensor.float32([2], [3, 4]) }
  return {
    ...checkpoint,
    moments: Artifact.bytes(Safetensors.encode(moments)),
    texts: TextSet.from([1n, 5n]),
    training: {
      updates: { "head.topic": 3, "block.1": 2 },
      history: [{ phase: 1, trains: ["heads"] }],
      trainedOn: { topic: await Effect.runPromise(EncoderDigest.of(checkpoint)) },
    },
  }
}

describe.each(Checkpoints.families)("%s", (family) => {
  it("as a checkpoint is the same files again, whatever it has", async () => {
    for (const checkpoint of [Checkpoints.make(family), await whole(family)]) {
      const { folder, files } = await save(checkpoint)
      const once = await Effect.runPromise(Checkpoint.fromFolder(folder))
      expect(digests(await filesOf(once))).toEqual(digests(files))
      const twice = await Effect.runPromise(Checkpoint.fromFolder((await save(once)).folder))
      expect(digests(await filesOf(twice))).toEqual(digests(files))
    }
    expect(Object.keys(await filesOf(await whole(family))).sort()).toEqual([
      "config.json",
      "heads.json",
      "lora.json",
      "model.safetensors",
      "optimizer.safetensors",
      "texts.bin",
      "tokenizer.json",
      "tokenizer_config.json",
      "training.json",
    ])
  })

  it("stores the table of words once, though the head for hidden tokens is tied to it", async () => {
    const { config, weights } = await whole(family)
    const { vocab, hidden, embedding = hidden } = config.dimensions
    const { entries } = await Effect.runPromise(
      Safetensors.header(await Effect.runPromise(Artifact.contentBytes(weights))),
    )
    const tables = [...entries.values()].filter(({ shape }) => shape.join() === [vocab, embedding].join())
    expect(tables).toHaveLength(1)
  })

  it("exported and loaded is exported to the same files: the encoder, and each task with its head", async () => {
    const checkpoint = Checkpoints.make(family)
    const first = await Effect.runPromise(Checkpoints.exported(checkpoint))
    const bytes = await Checkpoints.bytesOf(first)
    const folder = await Checkpoints.written(first)
    const below = (all: Readonly<Record<string, Uint8Array>>, part: string) =>
      digests(Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith(`${part}/`))))
    for (const task of Object.keys(checkpoint.heads)) {
      const again = await loadEncoder(path.join(folder, "tasks", task), task)
      const exported = await Checkpoints.bytesOf(await Effect.runPromise(Checkpoints.exported(again)))
      expect(below(exported, `tasks/${task}`)).toEqual(below(bytes, `tasks/${task}`))
    }
    const encoder = await loadEncoder(path.join(folder, "encoder"))
    const own = await Effect.runPromise(Checkpoint.tensors(checkpoint))
    const ofHeads = Object.entries(own).filter(([name]) => name.startsWith("head."))
    const tensors = { ...(await Effect.runPromise(Checkpoint.tensors(encoder))), ...Object.fromEntries(ofHeads) }
    const headed = { ...encoder, heads: checkpoint.heads, weights: Artifact.bytes(Safetensors.encode(tensors)) }
    const { folder: saved } = await save(headed)
    const loaded = await Effect.runPromise(Checkpoint.fromFolder(saved))
    const exported = await Checkpoints.bytesOf(await Effect.runPromise(Checkpoints.exported(loaded)))
    expect(Object.keys(exported).sort()).toEqual(Object.keys(bytes).sort())
    for (const part of ["encoder", "tasks"]) expect(below(exported, part)).toEqual(below(bytes, part))
  })
})
