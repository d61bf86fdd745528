/**
 * The safetensors format (huggingface/safetensors, format 1.0): how weights lie in files.
 *
 *     8 bytes   length of the header, unsigned, little-endian
 *     header    JSON: { name: { dtype, shape, data_offsets: [begin, end] }, "__metadata__": { string: string } }, spaces at its end
 *     data      the tensors, row-major, little-endian, without gaps; offsets count from here
 *
 * Files come from strangers: a header is believed only after its size, every type, every byte range, and that the
 * ranges cover the data exactly once, were checked. Half-precision tensors (F16, BF16) are widened to float32, which
 * loses nothing. The same tensors always give the same bytes.
 */
import { randomUUID } from "node:crypto"
import { open as openFile, rename, rm, type FileHandle } from "node:fs/promises"
import { dirname } from "node:path"
import * as Problem from "@thaw/core/Problem"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { DataType } from "./DataType.ts"
import { SafetensorsBroken } from "./Errors.ts"
import * as HalfPrecision from "./HalfPrecision.ts"
import * as Tensor from "./Tensor.ts"

/** Upstream refuses longer headers too: parsing one would be an attack on memory. */
const mostHeaderBytes = 100_000_000

/** Types that tensors are stored as, by the names of this format. */
export type Stored = keyof typeof stored
type Make = (shape: ReadonlyArray<number>, raw: ArrayBuffer) => Tensor.Tensor

/** Stored types: bytes a number, and the tensor that those bytes are. */
const stored = {
  F64: { size: 8, make: (shape, raw) => Tensor.make("float64", shape, new Float64Array(raw)) },
  F32: { size: 4, make: (shape, raw) => Tensor.make("float32", shape, new Float32Array(raw)) },
  F16: {
    size: 2,
    make: (shape, raw) => Tensor.float32(shape, Float32Array.from(new Uint16Array(raw), HalfPrecision.number)),
  },
  BF16: { size: 2, make: (shape, raw) => Tensor.float32(shape, HalfPrecision.ofBfloats(new Uint16Array(raw))) },
  I64: { size: 8, make: (shape, raw) => Tensor.make("int64", shape, new BigInt64Array(raw)) },
  I32: { size: 4, make: (shape, raw) => Tensor.make("int32", shape, new Int32Array(raw)) },
  U32: { size: 4, make: (shape, raw) => Tensor.make("uint32", shape, new Uint32Array(raw)) },
  I8: { size: 1, make: (shape, raw) => Tensor.make("int8", shape, new Int8Array(raw)) },
  U8: { size: 1, make: (shape, raw) => Tensor.make("uint8", shape, new Uint8Array(raw)) },
  BOOL: { size: 1, make: (shape, raw) => Tensor.make("bool", shape, new Uint8Array(raw)) },
} as const satisfies Record<string, { readonly size: number; readonly make: Make }>

/** How each type is written. */
const written = {
  float64: "F64",
  float32: "F32",
  int64: "I64",
  int32: "I32",
  uint32: "U32",
  int8: "I8",
  uint8: "U8",
  bool: "BOOL",
} as const satisfies Record<DataType, Stored>

/** One tensor of a file; offsets count from the start of the data. */
export interface Entry {
  readonly name: string
  readonly dtype: Stored
  readonly shape: ReadonlyArray<number>
  readonly begin: number
  readonly end: number
}

export interface Header {
  /** In the order of their bytes. */
  readonly entries: ReadonlyMap<string, Entry>
  readonly metadata: Readonly<Record<string, string>>
  /** Where in the file the data starts. */
  readonly dataStart: number
}

/** An open file: the header was read, tensors are read when asked for. */
export interface Reader extends Header {
  readonly read: (name: string) => Effect.Effect<Tensor.Tensor, SafetensorsBroken>
}

export type Tensors = Readonly<Record<string, Tensor.Tensor>>

const broken = (where: string, expected: string, got: string, advice = "") =>
  new SafetensorsBroken({ where, expected, got, advice })

const incomplete = "The file may be incomplete or damaged: fetch or write it again."

const Offset = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const EntryJson = Schema.Struct({
  dtype: Schema.String,
  shape: Schema.Array(Offset),
  data_offsets: Schema.Tuple([Offset, Offset]),
})
const decodeEntry = Schema.decodeUnknownEffect(EntryJson)
const decodeMetadata = Schema.decodeUnknownEffect(Schema.Record(Schema.String, Schema.String))

const isStored = (dtype: string): dtype is Stored => Object.hasOwn(stored, dtype)

/** Length of the header from the first eight bytes of a file of `sizeBytes`. */
const headerLength = (
  first: Uint8Array,
  sizeBytes: number,
  where: string,
): Effect.Effect<number, SafetensorsBroken> => {
  if (sizeBytes < 8 || first.byteLength < 8) {
    return Effect.fail(broken(where, "a safetensors file of at least 8 bytes", `${sizeBytes} bytes`, incomplete))
  }
  const length = new DataView(first.buffer, first.byteOffset, 8).getBigUint64(0, true)
  if (length > BigInt(mostHeaderBytes)) {
    return Effect.fail(
      broken(
        where,
        `a safetensors header of at most ${mostHeaderBytes} bytes`,
        `a length of ${length}`,
        "It may be a file of another format.",
      ),
    )
  }
  if (length > BigInt(sizeBytes - 8)) {
    return Effect.fail(broken(where, `a header of ${length} bytes`, `a file of ${sizeBytes} bytes`, incomplete))
  }
  return Effect.succeed(Number(length))
}

/** Reads and checks the header's text against the number of data bytes that follow it. */
const parseHeader = Effect.fnUntraced(function* (text: Uint8Array, dataBytes: number, where: string) {
  const parsed = yield* Effect.try({
    try: () => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(text)) as unknown,
    catch: (cause) =>
      broken(`${where}, header`, "JSON in UTF-8", cause instanceof Error ? cause.message : String(cause)),
  })
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return yield* broken(`${where}, header`, "a JSON object", Array.isArray(parsed) ? "an array" : String(parsed))
  }
  let metadata: Readonly<Record<string, string>> = {}
  const entries: Array<Entry> = []
  for (const [name, value] of Object.entries(parsed)) {
    const place = `${where}, ${name === "__metadata__" ? name : `tensor ${JSON.stringify(name)}`}`
    const wrong = () => broken(place, "dtype, shape and data_offsets", Problem.shown(value))
    if (name === "__metadata__") {
      metadata = yield* decodeMetadata(value).pipe(
        Effect.mapError(() => broken(place, "an object of strings", Problem.shown(value))),
      )
      continue
    }
    const entry = yield* decodeEntry(value).pipe(Effect.mapError(wrong))
    if (!isStored(entry.dtype)) {
      return yield* broken(place, `one of the types ${Object.keys(stored).join(", ")}`, entry.dtype)
    }
    const [begin, end] = entry.data_offsets
    const bytes = entry.shape.reduce((product, dimension) => product * dimension, stored[entry.dtype].size)
    if (!Number.isSafeInteger(bytes))
      return yield* broken(place, "a size that can be counted", `[${entry.shape.join(", ")}]`)
    if (end - begin !== bytes) {
      return yield* broken(
        place,
        `${bytes} bytes for ${entry.dtype} [${entry.shape.join(", ")}]`,
        `the range ${begin} to ${end}`,
      )
    }
    if (end > dataBytes) {
      return yield* broken(
        place,
        `a range within ${dataBytes} bytes of data`,
        `the range ${begin} to ${end}`,
        incomplete,
      )
    }
    entries.push({ name, dtype: entry.dtype, shape: entry.shape, begin, end })
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let covered = 0
  for (const { name, begin, end } of entries) {
    if (begin !== covered) {
      const trouble = begin < covered ? "overlaps the tensor before it" : "leaves a gap before it"
      return yield* broken(
        `${where}, tensor ${JSON.stringify(name)}`,
        `data from byte ${covered}`,
        `${begin}, which ${trouble}`,
      )
    }
    covered = end
  }
  if (covered !== dataBytes) {
    return yield* broken(where, `${covered} bytes of data, as its tensors say`, `${dataBytes}`, incomplete)
  }
  return { metadata, entries: new Map(entries.map((entry) => [entry.name, entry])) }
})

/** Checks the header of a whole file in memory. */
export const header = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  where = "safetensors",
): Effect.fn.Return<Header, SafetensorsBroken> {
  const length = yield* headerLength(bytes, bytes.byteLength, where)
  const dataStart = 8 + length
  return { dataStart, ...(yield* parseHeader(bytes.subarray(8, dataStart), bytes.byteLength - dataStart, where)) }
})

/** Every tensor of a file in memory, copied out of it. */
export const decode = Effect.fnUntraced(function* (
  bytes: Uint8Array,
  where = "safetensors",
): Effect.fn.Return<{ readonly tensors: Tensors; readonly metadata: Header["metadata"] }, SafetensorsBroken> {
  const { entries, metadata, dataStart } = yield* header(bytes, where)
  const tensors = Object.fromEntries(
    [...entries.values()].map((entry) => [
      entry.name,
      tensorOf(
        entry.dtype,
        entry.shape,
        new Uint8Array(bytes.subarray(dataStart + entry.begin, dataStart + entry.end)).buffer,
      ),
    ]),
  )
  return { tensors, metadata }
})

/**
 * Half-precision numbers are widened.
 *
 * @param raw the tensor's bytes and nothing else, so that they are aligned
 */
export const tensorOf = (dtype: Stored, shape: ReadonlyArray<number>, raw: ArrayBuffer): Tensor.Tensor =>
  stored[dtype].make(shape, raw)

/** Bytes of a number. */
export const sizeOf = (dtype: Stored): number => stored[dtype].size

/** Opens a file, reads and checks its header; the file stays open until the scope closes. */
export const open = (path: string): Effect.Effect<Reader, SafetensorsBroken, Scope.Scope> =>
  Effect.gen(function* () {
    const handle = yield* Effect.acquireRelease(
      attempt(path, "a readable file", () => openFile(path, "r")),
      (opened) => Effect.promise(() => opened.close()),
    )
    const { size } = yield* attempt(path, "a readable file", () => handle.stat())
    const length = yield* headerLength(yield* readRange(handle, path, 0, Math.min(8, size)), size, path)
    const text = yield* readRange(handle, path, 8, 8 + length)
    const dataStart = 8 + length
    const { entries, metadata } = yield* parseHeader(text, size - dataStart, path)
    const read = Effect.fnUntraced(function* (name: string) {
      const entry = entries.get(name)
      if (entry === undefined) {
        return yield* broken(
          path,
          `a tensor ${JSON.stringify(name)}`,
          `${entries.size} others`,
          Problem.suggestion(name, entries.keys()),
        )
      }
      const raw = yield* readRange(handle, path, dataStart + entry.begin, dataStart + entry.end)
      return tensorOf(entry.dtype, entry.shape, raw.buffer)
    })
    return { entries, metadata, dataStart, read }
  })

/** Reads the named tensors of a file, or all. */
export const read = (path: string, names?: ReadonlyArray<string>): Effect.Effect<Tensors, SafetensorsBroken> =>
  Effect.scoped(
    Effect.gen(function* () {
      const reader = yield* open(path)
      const pairs = yield* Effect.forEach(names ?? [...reader.entries.keys()], (name) =>
        reader.read(name).pipe(Effect.map((tensor) => [name, tensor] as const)),
      )
      return Object.fromEntries(pairs)
    }),
  )

const attempt = <A>(path: string, expected: string, work: () => Promise<A>): Effect.Effect<A, SafetensorsBroken> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => broken(path, expected, cause instanceof Error ? cause.message : String(cause)),
  })

const readRange = (handle: FileHandle, path: string, begin: number, end: number) =>
  attempt(path, "bytes that can be read", async () => {
    const bytes = new Uint8Array(end - begin)
    let filled = 0
    while (filled < bytes.byteLength) {
      const { bytesRead } = await handle.read(bytes, filled, bytes.byteLength - filled, begin + filled)
      if (bytesRead === 0) throw new Error(`the end of the file at byte ${begin + filled}`)
      filled += bytesRead
    }
    return bytes
  })

/** How float32 is stored; other types are stored as they are. `float16` rounds to the nearest, ties to even. */
export type Precision = "float32" | "float16"

const storedAs = (
  tensor: Tensor.Tensor,
  precision: Precision,
): { readonly dtype: Stored; readonly bytes: Uint8Array } =>
  tensor.dtype === "float32" && precision === "float16"
    ? { dtype: "F16", bytes: new Uint8Array(Uint16Array.from(tensor.data, HalfPrecision.bits).buffer) }
    : { dtype: written[tensor.dtype], bytes: Tensor.bytes(tensor) }

/**
 * The file as pieces to be written one after the other: the header, then each tensor's bytes, uncopied unless they are
 * rounded. Wider types come first, so that every tensor is aligned (as upstream does), then names in order of their code
 * units.
 */
const pieces = (
  tensors: Tensors,
  metadata: Readonly<Record<string, string>>,
  precision: Precision = "float32",
): ReadonlyArray<Uint8Array> => {
  const sorted = Object.entries(tensors)
    .map(([name, tensor]) => ({ name, shape: tensor.shape, ...storedAs(tensor, precision) }))
    .sort((a, b) => stored[b.dtype].size - stored[a.dtype].size || (a.name < b.name ? -1 : 1))
  const described: Array<[string, unknown]> = [
    [
      "__metadata__",
      Object.fromEntries(Object.entries({ format: "pt", ...metadata }).sort(([a], [b]) => (a < b ? -1 : 1))),
    ],
  ]
  let begin = 0
  for (const { name, dtype, shape, bytes } of sorted) {
    described.push([name, { dtype, shape, data_offsets: [begin, begin + bytes.byteLength] }])
    begin += bytes.byteLength
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(described)))
  const length = Math.ceil(text.byteLength / 8) * 8
  const first = new Uint8Array(8 + length).fill(0x20)
  new DataView(first.buffer).setBigUint64(0, BigInt(length), true)
  first.set(text, 8)
  return [first, ...sorted.map(({ bytes }) => bytes)]
}

/** A whole file in memory. The metadata always says `format: "pt"`, which transformers asks for. */
export const encode = (
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
  precision: Precision = "float32",
): Uint8Array<ArrayBuffer> => {
  const parts = pieces(tensors, metadata, precision)
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.byteLength
  }
  return whole
}

/**
 * Writes a file so that a crash leaves the old file or the new one, never half of one: a temporary file beside it is
 * written, flushed to the disk and renamed.
 */
export const write = (
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Effect.Effect<void, SafetensorsBroken> =>
  attempt(path, "a place that can be written", async () => {
    const temporary = `${path}.${randomUUID()}.tmp`
    try {
      const handle = await openFile(temporary, "wx")
      try {
        for (const part of pieces(tensors, metadata)) await handle.writeFile(part)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await rename(temporary, path)
    } catch (cause) {
      await rm(temporary, { force: true })
      throw cause
    }
    await syncFolder(dirname(path))
  })

/** Makes a rename last. Windows cannot open folders and does not need it. */
const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === "win32") return
  const handle = await openFile(folder, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
