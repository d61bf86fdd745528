/**
 * The text of a source file, piece by piece: UTF-8 without exception, whatever its line ends.
 *
 * A byte-order mark is dropped and every line end (CRLF, CR) becomes LF, so line numbers in messages are those an
 * editor shows.
 */
import { isUtf8 } from "node:buffer"
import { open } from "node:fs/promises"
import { InvalidData, SourceUnreadable } from "@thaw/core/Errors"
import type * as Source from "@thaw/core/Source"

/** A place in a source, as messages name it. */
export const at = (source: Source.Located, line: number): string => `${source.written}, line ${line}`

const whyUnreadable: Readonly<Record<string, readonly [got: string, advice: string]>> = {
  ENOENT: ["no such file", "Check the path; a relative one is relative to the pipeline's file."],
  EISDIR: ["a folder", "Name a file in it."],
  EACCES: ["no permission to read it", "Check who may read the file."],
}

/** Why the system did not let a file be read. */
export const unreadable = (source: Source.Located, cause: unknown): SourceUnreadable => {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
  const [got, advice] = whyUnreadable[code] ?? [code, ""]
  return new SourceUnreadable({ where: source.written, expected: "a readable file", got, advice })
}

const pieceBytes = 2 ** 20

/** The bytes of a file, a MiB at a time. Throws `SourceUnreadable`. */
export async function* bytes(source: Source.Located): AsyncGenerator<Buffer<ArrayBuffer>, void, void> {
  const failed = (cause: unknown) => {
    throw unreadable(source, cause)
  }
  const handle = await open(source.path).catch(failed)
  try {
    while (true) {
      const piece = Buffer.allocUnsafeSlow(pieceBytes)
      const { bytesRead } = await handle.read(piece, 0, pieceBytes, null).catch(failed as () => never)
      if (bytesRead === 0) return
      yield piece.subarray(0, bytesRead)
    }
  } finally {
    await handle.close()
  }
}

const lineFeed = 0x0a
const carriageReturn = 0x0d
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/** As much as strings are made of at once: the engine keeps larger ones apart, where each costs a page of memory anew. */
const blockBytes = 96 * 2 ** 10

/**
 * The text as bytes: whole characters of UTF-8 and LF as the only line end, in blocks of about 100 KiB that end behind any
 * character. A block is there until the next is asked for, and belongs to whoever asked. Who leaves bytes at its end unused
 * says how many, `next(unused)`, and the next block begins with them and is twice as long: time stays linear in their length.
 * Behind the last they are what is returned. Throws `SourceUnreadable` and `NoText`.
 */
export async function* blocks(source: Source.Located): AsyncGenerator<Buffer, Buffer, number | undefined> {
  const failed = (cause: unknown) => {
    throw unreadable(source, cause)
  }
  const handle = await open(source.path).catch(failed)
  /** ```unused │ bytes of a character or CR that may go on │ what is read``` */
  let room = Buffer.allocUnsafeSlow(pieceBytes)
  let unused = 0
  let begun = 0
  let offset = 0
  try {
    while (true) {
      const filled = unused + begun
      const most = Math.max(pieceBytes, filled)
      if (room.length < filled + most) room = Buffer.concat([room.subarray(0, filled)], filled + most)
      const { bytesRead } = await handle.read(room, filled, most, null).catch(failed as () => never)
      if (bytesRead === 0 && begun === 0) return room.subarray(0, unused)
      const piece = room.subarray(unused, filled + bytesRead)
      const size = piece.length - (bytesRead === 0 ? 0 : unfinished(piece))
      begun = piece.length - size
      if (size === 0) continue
      const text = piece.subarray(0, size)
      if (!isUtf8(text) || text.includes(0)) refuse(source, text, offset)
      const end = unused + withLineFeeds(text)
      let from = offset === 0 && text.subarray(0, 3).equals(byteOrderMark) ? 3 : 0
      for (let given = Math.max(unused, from); given < end;) {
        let to = Math.min(end, given + Math.max(blockBytes, given - from))
        while (to < end && (room[to]! & 0xc0) === 0x80) to++
        const left = (yield room.subarray(from, to)) ?? 0
        from = to - left
        given = to
      }
      room.copyWithin(0, from, end)
      room.copyWithin(end - from, unused + size, unused + size + begun)
      unused = end - from
      offset += size
    }
  } finally {
    await handle.close()
  }
}

/** The text, in pieces that end anywhere. Throws `SourceUnreadable` and `NoText`. */
export async function* pieces(source: Source.Located): AsyncGenerator<string, void, void> {
  for await (const block of blocks(source)) yield block.toString("utf8")
}

/** Makes LF of CR LF and of CR, and gives where the text then ends. */
const withLineFeeds = (text: Buffer): number => {
  const first = text.indexOf(carriageReturn)
  if (first === -1) return text.length
  let to = first
  for (let at = first; at < text.length; at++) {
    const byte = text[at]!
    if (byte !== carriageReturn) text[to++] = byte
    else if (text[at + 1] !== lineFeed) text[to++] = lineFeed
  }
  return to
}

/** Bytes at the end that may go on in the next piece: those of a character, and CR, which LF may follow. */
const unfinished = (piece: Buffer): number => {
  if (piece[piece.length - 1] === carriageReturn) return 1
  for (let back = 1; back <= Math.min(3, piece.length); back++) {
    const byte = piece[piece.length - back]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return back < (byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4) ? back : 0
  }
  return 0
}

export interface Line {
  /** Counted from 1. */
  readonly line: number
  readonly text: string
}

/** The lines, many at a time, without their line ends. Throws as `pieces` does. */
export async function* lines(source: Source.Located): AsyncGenerator<ReadonlyArray<Line>, void, void> {
  let line = 0
  /** Of a line that goes on: joined once, however long it is. */
  let open: Array<string> = []
  for await (const piece of pieces(source)) {
    const parts = piece.split("\n")
    open.push(parts[0]!)
    if (parts.length === 1) continue
    const last = parts.pop()!
    parts[0] = open.join("")
    open = [last]
    yield parts.map((text) => ({ line: ++line, text }))
  }
  yield [{ line: line + 1, text: open.join("") }]
}

/** Whether nothing but white space is in it. */
export const isBlank = async (source: Source.Located): Promise<boolean> => {
  for await (const piece of pieces(source)) if (piece.trim() !== "") return false
  return true
}

/** Says what is wrong with a piece that is no text, of which the first byte stands at `offset`. */
const refuse = (source: Source.Located, piece: Buffer, offset: number): never => {
  const broken = firstInvalidByte(piece)
  const place = broken ?? piece.indexOf(0)
  throw new NoText(source, offset + place, broken === undefined ? undefined : piece[broken])
}

/** Bytes that are no text; `describe` finds the line. */
export class NoText extends Error {
  readonly source: Source.Located
  readonly offset: number
  readonly byte: number | undefined
  constructor(source: Source.Located, offset: number, byte: number | undefined) {
    super("no text")
    this.source = source
    this.offset = offset
    this.byte = byte
  }
  /** Reads the file again up to the place: only who fails has to count lines. */
  async describe(): Promise<InvalidData> {
    const { source, offset, byte } = this
    const where = at(source, await lineOf(source, offset))
    return byte === undefined
      ? new InvalidData({
          where,
          expected: "text",
          got: `a NUL byte at offset ${offset}`,
          advice: "The file looks binary or is in UTF-16; save it as UTF-8 text.",
        })
      : new InvalidData({
          where,
          expected: "text in UTF-8",
          got: `the byte 0x${byte.toString(16).padStart(2, "0").toUpperCase()} at offset ${offset}`,
          advice: "Save the file as UTF-8.",
        })
  }
}

/** Line of a byte, counted from 1, by LF, CRLF and CR. */
const lineOf = async (source: Source.Located, offset: number): Promise<number> => {
  let line = 1
  let from = 0
  let before = 0
  for await (const piece of bytes(source)) {
    for (const byte of piece.subarray(0, Math.max(0, offset - from))) {
      if (byte === carriageReturn || (byte === lineFeed && before !== carriageReturn)) line++
      before = byte
    }
    from += piece.length
    if (from >= offset) break
  }
  return line
}

/**
 * Offset of the first byte that begins no well-formed UTF-8 sequence (Unicode 16, table 3-7), if there is one.
 */
const firstInvalidByte = (piece: Uint8Array): number | undefined => {
  let index = 0
  while (index < piece.length) {
    const length = sequenceLength(piece, index)
    if (length === 0) return index
    index += length
  }
  return undefined
}

/** Bytes of the well-formed sequence that starts here; 0 when none does. */
const sequenceLength = (piece: Uint8Array, index: number): number => {
  const lead = piece[index]!
  if (lead < 0x80) return 1
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  // The second byte's range excludes overlong forms (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4).
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  for (let place = 1; place < length; place++) {
    const byte = piece[index + place] ?? 0
    if (byte < (place === 1 ? lowest : 0x80) || byte > (place === 1 ? highest : 0xbf)) return 0
  }
  return length
}
