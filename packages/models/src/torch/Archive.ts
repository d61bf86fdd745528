/**
 * Zip archives as PyTorch writes them (APPNOTE.TXT of PKWARE, sections 4.3 and 4.5.3): entries lie uncompressed, one
 * after the other, and a directory at the end says where.
 *
 *     entry …  │ directory │ (zip64 end, its locator) │ end of directory
 *
 * Files come from strangers: every place is checked against the file before it is read, and contents against their CRC.
 */
import { open as openFile, type FileHandle } from "node:fs/promises"
import { crc32 } from "node:zlib"
import * as Problem from "@thaw/core/Problem"
import { Effect, type Scope } from "effect"
import { TorchFileBroken } from "../Errors.ts"

export interface Archive {
  /** Bytes of each entry. */
  readonly sizes: ReadonlyMap<string, number>
  readonly read: (name: string) => Effect.Effect<Uint8Array<ArrayBuffer>, TorchFileBroken>
}

interface Entry {
  readonly size: number
  readonly crc: number
  /** Of the entry's own header. */
  readonly offset: number
}

const signatures = { end: 0x06054b50, locator: 0x07064b50, end64: 0x06064b50, directory: 0x02014b50, entry: 0x04034b50 }
/** The directory names every tensor: a longer one would be an attack on memory. */
const mostDirectoryBytes = 100_000_000
/** The end of the directory, with the longest comment it may have. */
const longestEnd = 22 + 0xffff
const damaged = "The file may be incomplete or damaged: fetch it again."

/** @param where how messages name the file */
export const open = (path: string, where: string): Effect.Effect<Archive, TorchFileBroken, Scope.Scope> =>
  Effect.gen(function* () {
    const handle = yield* Effect.acquireRelease(
      attempt(where, () => openFile(path, "r")),
      (opened) => Effect.promise(() => opened.close()),
    )
    const { size } = yield* attempt(where, () => handle.stat())
    const at = (begin: number, length: number) => range(handle, where, size, begin, length)
    yield* requireZip(Buffer.from(yield* at(0, Math.min(size, 64))), where)
    const entries = yield* directory(at, size, where)
    return {
      sizes: new Map(Array.from(entries, ([name, entry]) => [name, entry.size])),
      read: Effect.fnUntraced(function* (name) {
        const entry = entries.get(name)
        if (entry === undefined) {
          return yield* broken(where, `an entry ${JSON.stringify(name)}`, Problem.list(entries.keys(), 3))
        }
        const header = viewOf(yield* at(entry.offset, 30))
        if (header.getUint32(0, true) !== signatures.entry) {
          return yield* broken(`${where}, ${name}`, "an entry where the directory says", "something else", damaged)
        }
        const start = entry.offset + 30 + header.getUint16(26, true) + header.getUint16(28, true)
        const bytes = yield* at(start, entry.size)
        if (crc32(bytes) !== entry.crc) {
          return yield* broken(`${where}, ${name}`, `bytes with the checksum ${entry.crc}`, `${crc32(bytes)}`, damaged)
        }
        return bytes
      }),
    }
  })

/** What else a `pytorch_model.bin` may be is said by name. */
const requireZip = (first: Buffer, where: string): Effect.Effect<void, TorchFileBroken> => {
  if (first.length >= 4 && first.readUInt32LE(0) === signatures.entry) return Effect.void
  if (first.toString("latin1").startsWith("version https://git-lfs")) {
    return Effect.fail(broken(where, "weights", "a pointer to them", "Fetch the file itself, with git lfs pull."))
  }
  const isPickle = first[0] === 0x80
  return Effect.fail(
    broken(
      where,
      "a file of PyTorch 1.6 or later, which is a zip archive",
      isPickle ? "the format before, which is a bare pickle" : first.length === 0 ? "an empty file" : "something else",
      isPickle ? "Load it once with PyTorch and save it again, or convert it to safetensors." : damaged,
    ),
  )
}

type At = (begin: number, length: number) => Effect.Effect<Uint8Array<ArrayBuffer>, TorchFileBroken>

const directory = Effect.fnUntraced(function* (
  at: At,
  size: number,
  where: string,
): Effect.fn.Return<ReadonlyMap<string, Entry>, TorchFileBroken> {
  const tailStart = Math.max(0, size - longestEnd)
  const tail = viewOf(yield* at(tailStart, size - tailStart))
  let end = tail.byteLength - 22
  while (end >= 0 && tail.getUint32(end, true) !== signatures.end) end--
  if (end < 0) return yield* broken(where, "a zip archive with a directory at its end", "none", damaged)
  const locator = end - 20
  const isWide = locator >= 0 && tail.getUint32(locator, true) === signatures.locator
  const place = isWide
    ? yield* wideEnd(at, Number(tail.getBigUint64(locator + 8, true)), where)
    : { length: tail.getUint32(end + 12, true), begin: tail.getUint32(end + 16, true) }
  if (place.length > mostDirectoryBytes) {
    return yield* broken(where, `a directory of at most ${mostDirectoryBytes} bytes`, `${place.length}`)
  }
  const bytes = yield* at(place.begin, place.length)
  const view = viewOf(bytes)
  const entries = new Map<string, Entry>()
  for (let start = 0; start < bytes.length;) {
    if (start + 46 > bytes.length || view.getUint32(start, true) !== signatures.directory) {
      return yield* broken(where, "a directory of entries", `something else at its byte ${start}`, damaged)
    }
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => view.getUint16(start + field, true))
    const name = new TextDecoder().decode(bytes.subarray(start + 46, start + 46 + nameLength!))
    const extra = start + 46 + nameLength!
    const next = extra + extraLength! + commentLength!
    if (next > bytes.length) return yield* broken(where, "a directory of entries", "one that is cut off", damaged)
    if (view.getUint16(start + 10, true) !== 0 || (view.getUint16(start + 8, true) & 1) !== 0) {
      return yield* broken(`${where}, ${name}`, "an entry that is stored as it is", "a compressed or encrypted one")
    }
    if (entries.has(name)) return yield* broken(where, "every entry once", `${JSON.stringify(name)} twice`)
    const wide = wideFields(view, extra, extraLength!)
    const wideOf = (field: number) => {
      const short = view.getUint32(start + field, true)
      return short === 0xffffffff ? (wide.shift() ?? short) : short
    }
    const [entrySize, stored, offset] = [wideOf(24), wideOf(20), wideOf(42)]
    if (entrySize !== stored)
      return yield* broken(`${where}, ${name}`, `${entrySize} stored bytes`, `${stored}`, damaged)
    entries.set(name, { size: entrySize, crc: view.getUint32(start + 16, true), offset })
    start = next
  }
  return entries
})

const wideEnd = Effect.fnUntraced(function* (at: At, begin: number, where: string) {
  const view = viewOf(yield* at(begin, 56))
  if (view.getUint32(0, true) !== signatures.end64) {
    return yield* broken(where, "the end of a large directory where its locator says", "something else", damaged)
  }
  return { length: Number(view.getBigUint64(40, true)), begin: Number(view.getBigUint64(48, true)) }
})

/** Numbers of the zip64 field, in their order; those that the entry itself has room for are left out of it. */
const wideFields = (view: DataView, extra: number, length: number): Array<number> => {
  for (let at = extra; at + 4 <= extra + length;) {
    const [id, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)]
    if (id === 1 && at + 4 + size <= extra + length) {
      return Array.from({ length: Math.floor(size / 8) }, (_, place) =>
        Number(view.getBigUint64(at + 4 + 8 * place, true)),
      )
    }
    at += 4 + size
  }
  return []
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const broken = (where: string, expected: string, got: string, advice = "") =>
  new TorchFileBroken({ where, expected, got, advice })

const attempt = <A>(where: string, work: () => Promise<A>): Effect.Effect<A, TorchFileBroken> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) => broken(where, "a readable file", cause instanceof Error ? cause.message : String(cause)),
  })

const range = (handle: FileHandle, where: string, size: number, begin: number, length: number) =>
  !Number.isSafeInteger(begin + length) || begin + length > size
    ? Effect.fail(broken(where, `places within ${size} bytes`, `${length} bytes at ${begin}`, damaged))
    : attempt(where, async () => {
        const bytes = new Uint8Array(length)
        let filled = 0
        while (filled < length) {
          const { bytesRead } = await handle.read(bytes, filled, length - filled, begin + filled)
          if (bytesRead === 0) throw new Error(`the end of the file at byte ${begin + filled}`)
          filled += bytesRead
        }
        return bytes
      })
