/**
 * The text of a source file: UTF-8 without exception, whatever its line ends.
 *
 * A byte-order mark is dropped and every line end (CRLF, CR) becomes LF, so line numbers in messages are those an
 * editor shows.
 */
import { readFile } from "node:fs/promises"
import { InvalidData, SourceUnreadable } from "@thaw/core/Errors"
import type * as Source from "@thaw/core/Source"
import { Effect } from "effect"

/** A place in a source, as messages name it. */
export const at = (source: Source.Located, line: number): string => `${source.written}, line ${line}`

const whyUnreadable: Readonly<Record<string, readonly [got: string, advice: string]>> = {
  ENOENT: ["no such file", "Check the path; a relative one is relative to the pipeline's file."],
  EISDIR: ["a folder", "Name a file in it."],
  EACCES: ["no permission to read it", "Check who may read the file."],
}

export const read = Effect.fnUntraced(function* (source: Source.Located) {
  const bytes = yield* Effect.tryPromise({
    try: () => readFile(source.path),
    catch: (cause) => {
      const code = (cause as NodeJS.ErrnoException).code ?? String(cause)
      const [got, advice] = whyUnreadable[code] ?? [code, ""]
      return new SourceUnreadable({ where: source.written, expected: "a readable file", got, advice })
    },
  })
  const broken = firstInvalidByte(bytes)
  if (broken !== undefined) {
    return yield* new InvalidData({
      where: at(source, lineOf(bytes, broken)),
      expected: "text in UTF-8",
      got: `the byte 0x${bytes[broken]!.toString(16).padStart(2, "0").toUpperCase()} at offset ${broken}`,
      advice: "Save the file as UTF-8.",
    })
  }
  const nul = bytes.indexOf(0)
  if (nul >= 0) {
    return yield* new InvalidData({
      where: at(source, lineOf(bytes, nul)),
      expected: "text",
      got: `a NUL byte at offset ${nul}`,
      advice: "The file looks binary or is in UTF-16; save it as UTF-8 text.",
    })
  }
  const text = new TextDecoder().decode(bytes).replace(/\r\n?/gu, "\n")
  if (text.trim() === "") {
    return yield* new InvalidData({ where: source.written, expected: "examples", got: "an empty file", advice: "" })
  }
  return text
})

/** Line of a byte, counted from 1, by LF, CRLF and CR. */
const lineOf = (bytes: Uint8Array, offset: number): number => {
  let line = 1
  for (let index = 0; index < offset; index++) {
    if (bytes[index] === 0x0a || (bytes[index] === 0x0d && bytes[index + 1] !== 0x0a)) line++
  }
  return line
}

/**
 * Offset of the first byte that begins no well-formed UTF-8 sequence (Unicode 16, table 3-7), if there is one.
 */
const firstInvalidByte = (bytes: Uint8Array): number | undefined => {
  let index = 0
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index)
    if (length === 0) return index
    index += length
  }
  return undefined
}

/** Bytes of the well-formed sequence that starts here; 0 when none does. */
const sequenceLength = (bytes: Uint8Array, index: number): number => {
  const lead = bytes[index]!
  if (lead < 0x80) return 1
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  // The second byte's range excludes overlong forms (E0, F0), surrogates (ED) and what lies above U+10FFFF (F4).
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  for (let place = 1; place < length; place++) {
    const byte = bytes[index + place] ?? 0
    if (byte < (place === 1 ? lowest : 0x80) || byte > (place === 1 ? highest : 0xbf)) return 0
  }
  return length
}
