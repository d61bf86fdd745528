/** Small encoder folders in upstream's layout, written to a temporary place, whole or with something wrong. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Seed from "@thaw/core/Seed"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Network from "@thaw/models/Network"
import { Effect } from "effect"
import { afterAll } from "vitest"

const root = mkdtempSync(path.join(tmpdir(), "thaw-encoders-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

export const newFolder = (): string => mkdtempSync(path.join(root, "encoder-"))

export const config = {
  model_type: "bert",
  vocab_size: 12,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 16,
  max_position_embeddings: 16,
  type_vocab_size: 2,
}

export const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sat", "on", "it", "."]

/** A tensor as a file holds it. */
export interface Stored {
  readonly dtype: "F32" | "F16" | "BF16" | "I64"
  readonly shape: ReadonlyArray<number>
  readonly bytes: Uint8Array
}

/** Numbers that every floating-point type has exactly: multiples of 1/64 from −1 to 1. */
export const numbers = (name: string, length: number): Float32Array => {
  const stream = Seed.stream(Seed.make(1), name)
  return Float32Array.from({ length }, () => (stream.int(129) - 64) / 64)
}

const elements = (shape: ReadonlyArray<number>) => shape.reduce((product, length) => product * length, 1)
const bytesOf = ({ buffer }: { readonly buffer: ArrayBufferLike }) => new Uint8Array(buffer)

export const float32 = (name: string, shape: ReadonlyArray<number>): Stored => ({
  dtype: "F32",
  shape,
  bytes: bytesOf(numbers(name, elements(shape))),
})

export const float16 = (name: string, shape: ReadonlyArray<number>): Stored => ({
  dtype: "F16",
  shape,
  bytes: bytesOf(new Float16Array(numbers(name, elements(shape)))),
})

/** bfloat16 is the upper half of a float32. */
export const bfloat16 = (name: string, shape: ReadonlyArray<number>): Stored => ({
  dtype: "BF16",
  shape,
  bytes: bytesOf(Uint16Array.from(new Uint32Array(numbers(name, elements(shape)).buffer), (bits) => bits >> 16)),
})

export const positionIds = (positions: number): Stored => ({
  dtype: "I64",
  shape: [1, positions],
  bytes: bytesOf(BigInt64Array.from({ length: positions }, (_, at) => BigInt(at))),
})

/** The bytes of a safetensors file, by the format's description and not by our code. */
export const safetensors = (tensors: Readonly<Record<string, Stored>>): Uint8Array => {
  let end = 0
  const header = Object.fromEntries(
    Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => [
      name,
      { dtype, shape, data_offsets: [end, (end += bytes.length)] },
    ]),
  )
  const text = Buffer.from(JSON.stringify({ __metadata__: { format: "pt" }, ...header }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, ...Object.values(tensors).map(({ bytes }) => bytes)])
}

/** Names and shapes of the encoder's parameters, as `config` says. */
export const parameters = Network.parameters(
  ((parsed) => parsed.family.network(parsed.dimensions))(
    Effect.runSync(EncoderConfig.parse(JSON.stringify(config), "fixture")),
  ),
).map(({ name, shape }) => ({ name, shape }))

/** Every parameter under a name of one's choosing. */
export const tensors = (
  rename: (name: string) => string = (name) => name,
  store: (name: string, shape: ReadonlyArray<number>) => Stored = float32,
): Record<string, Stored> => Object.fromEntries(parameters.map(({ name, shape }) => [rename(name), store(name, shape)]))

/** Files by name; `undefined` leaves one out. */
export const write = (files: Readonly<Record<string, string | Uint8Array | undefined>> = {}) => {
  const folder = newFolder()
  const all: Readonly<Record<string, string | Uint8Array | undefined>> = {
    "config.json": JSON.stringify(config),
    "vocab.txt": vocabulary.join("\n"),
    "model.safetensors": safetensors(tensors()),
    ...files,
  }
  for (const [name, content] of Object.entries(all)) {
    if (content !== undefined) writeFileSync(path.join(folder, name), content)
  }
  return { path: folder, written: "./encoder" }
}
