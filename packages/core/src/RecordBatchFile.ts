/**
 * Arrow IPC files, a record batch at a time: written as chunks of bytes, read through a file handle.
 *
 * ```
 * ARROW1\0\0 │ dictionaries │ record batch │ record batch │ … │ end │ footer with the schema │ its length │ ARROW1
 * ```
 *
 * What stands before the footer is a stream of messages, so whoever knows where a message starts can read from there on.
 * Nothing larger than a record batch is held.
 */
import * as fs from "node:fs"
import * as Arrow from "apache-arrow"
import * as ArrowMetadata from "./internal/ArrowMetadata.ts"

/** Bytes that are read from anywhere: a file, or memory. */
export interface Bytes {
  /** What stands between these positions; shorter where the end comes first. */
  readonly read: (from: number, to: number) => Uint8Array
}

export const inMemory = (bytes: Uint8Array): Bytes => ({ read: (from, to) => bytes.subarray(from, to) })

/** Of an open file. */
export const ofHandle = (handle: number): Bytes => ({
  read: (from, to) => {
    const bytes = new Uint8Array(to - from)
    let filled = 0
    while (filled < bytes.length) {
      const count = fs.readSync(handle, bytes, filled, bytes.length - filled, from + filled)
      if (count === 0) return bytes.subarray(0, filled)
      filled += count
    }
    return bytes
  },
})

/** Where the parts of a file stand. */
export interface Index {
  readonly schema: Arrow.Schema
  /** Where the dictionaries start. */
  readonly dictionaries: number
  /** The end of the dictionaries, where the first record batch starts. */
  readonly start: number
  readonly recordBatches: ReadonlyArray<{ readonly from: number; readonly to: number; readonly rows: number }>
}

const magic = new TextEncoder().encode("ARROW1\0\0")
/** Behind the footer: its length, and the magic without its padding. */
const trailerBytes = 4 + 6
const endsEarly = "a file that ends early"

/** Why a file is not read: its record batches are compressed, so named. */
export class Compressed extends Error {}

const codecs = ["LZ4", "ZSTD"]

interface Found {
  readonly message: Arrow.Message
  /** Where the next one starts. */
  readonly to: number
}

/** The message that starts here; undefined at the end of a stream. Throws where it leads out of the file. */
const messageAt = (bytes: Bytes, at: number, sizeBytes: number): Found | undefined => {
  const [first, second] = int32s(bytes.read(at, at + 8))
  // Before version 0.15 of Arrow no -1 stood before the length.
  const isOld = first !== -1
  const length = isOld ? first : second
  if (length === undefined) throw new Error(endsEarly)
  if (length === 0) return undefined
  const start = at + (isOld ? 4 : 8)
  if (length < 0 || start + length > sizeBytes) throw new Error(endsEarly)
  const encoded = bytes.read(start, start + length)
  if (encoded.length < length) throw new Error(endsEarly)
  ArrowMetadata.checkMessage(encoded)
  const message = Arrow.Message.decode(encoded)
  const to = start + length + message.bodyLength
  if (!(message.bodyLength >= 0 && to <= sizeBytes)) throw new Error(endsEarly)
  const batch = message.isRecordBatch() ? message.header() : message.isDictionaryBatch() ? message.header().data : null
  const compression = batch?.compression ?? undefined
  if (compression !== undefined) throw new Compressed(codecs[compression.type] ?? "a codec that nobody knows")
  return { message, to }
}

/** The messages of a stream, one after the other, for the library's reader. A stream may end without saying so. */
export function* streamed(bytes: Bytes, sizeBytes: number): Generator<Uint8Array, void, void> {
  for (let at = 0; at < sizeBytes;) {
    const found = messageAt(bytes, at, sizeBytes)
    if (found === undefined) return
    yield bytes.read(at, found.to)
    at = found.to
  }
}

/** Throws on bytes that are no Arrow IPC file, and on one where a dictionary stands behind a record batch. */
export const indexOf = (bytes: Bytes, sizeBytes: number): Index => {
  const head = bytes.read(0, magic.length)
  if (Buffer.compare(head, magic) !== 0) throw new Error("other bytes")
  const recordBatches: Array<Index["recordBatches"][number]> = []
  let dictionaries = magic.length
  let start = magic.length
  let at = magic.length
  while (true) {
    const found = messageAt(bytes, at, sizeBytes)
    if (found === undefined) break
    const { message, to } = found
    if (message.isRecordBatch()) recordBatches.push({ from: at, to, rows: message.header().length })
    else if (recordBatches.length > 0) throw new Error("a dictionary behind a record batch")
    else start = to
    // Other writers repeat the schema here.
    if (message.isSchema()) dictionaries = to
    at = to
  }
  const footer = bytes.read(at + 8, sizeBytes)
  ArrowMetadata.checkFooter(footer.subarray(0, Math.max(0, footer.length - trailerBytes)))
  // The footer names the dictionaries by their place in the file: what stands before the first record batch, and the
  // footer, are a file without rows.
  const schema = Arrow.RecordBatchReader.from(Buffer.concat([bytes.read(0, start), footer])).open().schema as
    | Arrow.Schema
    | undefined
  if (schema === undefined) throw new Error(endsEarly)
  return { schema, dictionaries, start, recordBatches }
}

const int32s = (bytes: Uint8Array): ReadonlyArray<number> => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return Array.from({ length: bytes.length >> 2 }, (_, at) => view.getInt32(4 * at, true))
}

/** Every record batch, in order, each read when it is asked for. They share their dictionaries. */
export function* recordBatches(bytes: Bytes, index: Index): Generator<Arrow.RecordBatch, void, void> {
  const messages = function* () {
    yield schemaMessage(index.schema)
    if (index.start > index.dictionaries) yield bytes.read(index.dictionaries, index.start)
    for (const { from, to } of index.recordBatches) yield bytes.read(from, to)
  }
  // An iterable of chunks is read as one stream: a chunk when the one before is used up.
  if (index.recordBatches.length > 0) yield* Arrow.RecordBatchReader.from(messages()) as Iterable<Arrow.RecordBatch>
}

/** As streams open: −1, the length of what follows, the schema, all in multiples of 8 bytes. */
const schemaMessage = (schema: Arrow.Schema): Uint8Array => {
  const encoded = Arrow.Message.encode(Arrow.Message.from(schema))
  const length = Math.ceil(encoded.length / 8) * 8
  const message = Buffer.alloc(8 + length)
  message.writeInt32LE(-1, 0)
  message.writeInt32LE(length, 4)
  message.set(encoded, 8)
  return message
}

/** Keeps what is written until it is taken, instead of all of it until the end. */
class Writer extends Arrow.RecordBatchFileWriter {
  private kept: Array<Uint8Array> = []
  protected override _write(chunk: ArrayBufferView): this {
    if (!this._started) return this
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    if (bytes.length > 0) this.kept.push(bytes)
    this._position += bytes.length
    return this
  }
  taken(): ReadonlyArray<Uint8Array> {
    const { kept } = this
    this.kept = []
    return kept
  }
}

/** A file of these record batches, chunk by chunk. Equal record batches give equal bytes. */
export function* chunks(schema: Arrow.Schema, batches: Iterable<Arrow.RecordBatch>): Generator<Uint8Array, void, void> {
  const writer = new Writer()
  writer.reset(undefined, schema)
  for (const batch of batches) {
    writer.write(batch)
    yield Buffer.concat(writer.taken())
  }
  writer.finish()
  yield Buffer.concat(writer.taken())
}

/**
 * One message after the other, as they stand in a file: of record batches without dictionaries. The parts of a message are
 * the record batch's own buffers.
 */
export const messages = (schema: Arrow.Schema): ((batch: Arrow.RecordBatch) => ReadonlyArray<Uint8Array>) => {
  const writer = new Writer()
  writer.reset(undefined, schema)
  writer.taken()
  return (batch) => {
    writer.write(batch)
    return writer.taken()
  }
}
