/**
 * SentencePiece's compiled table of normalised characters, as XLM-R's `tokenizer.json` has it (google/sentencepiece
 * `src/normalizer.cc`; the reading is that of huggingface's `Precompiled`):
 *
 * ```
 * 4 bytes   size of the trie, unsigned, little-endian
 * trie      a double array of 32-bit units (s-yata/darts-clone): from UTF-8 bytes to where the replacement begins
 * strings   replacements in UTF-8, each ended by a zero byte
 * ```
 *
 * A text is read by grapheme clusters. One of fewer than 6 bytes is looked up as a whole and, where it or the beginning of it
 * is in the table, replaced as a whole; else each of its characters is looked up.
 */
import type * as Problem from "@thaw/core/Problem"
import { Effect } from "effect"

/** Replaces what the table says. */
export type Charsmap = (text: string) => string

/** A cluster with more bytes is never looked up as a whole. */
const mostBytes = 5

const clusters = new Intl.Segmenter("und", { granularity: "grapheme" })
const utf8 = new TextEncoder()

/** Fails on what is no such table. @param base64 `precompiled_charsmap` */
export const parse = Effect.fnUntraced(function* (
  base64: string,
  where: string,
): Effect.fn.Return<Charsmap, Problem.Problem> {
  const bytes = Buffer.from(base64, "base64")
  const sizeBytes = bytes.length < 4 ? 0 : bytes.readUInt32LE(0)
  if (sizeBytes === 0 || sizeBytes % 4 !== 0 || sizeBytes > bytes.length - 4) {
    const got = `${bytes.length} bytes, whose trie would have ${sizeBytes}`
    return yield* Effect.fail({ where, expected: "a table of normalised characters", got, advice: "" })
  }
  const trie = Uint32Array.from({ length: sizeBytes / 4 }, (_, at) => bytes.readUInt32LE(4 + 4 * at))
  return normaliser(trie, bytes.subarray(4 + sizeBytes))
})

const normaliser = (trie: Uint32Array, strings: Buffer): Charsmap => {
  const replacementOf = (key: string): string | undefined => {
    const begin = shortest(trie, utf8.encode(key))
    if (begin === undefined) return undefined
    const end = strings.indexOf(0, begin)
    return strings.toString("utf8", begin, end < 0 ? strings.length : end)
  }
  return (text) => {
    let result = ""
    for (const { segment } of clusters.segment(text)) {
      const whole = Buffer.byteLength(segment) > mostBytes ? undefined : replacementOf(segment)
      if (whole !== undefined) result += whole
      else for (const character of segment) result += replacementOf(character) ?? character
    }
    return result
  }
}

/** Where the replacement of the shortest key that `bytes` begin with begins. A node that is not there ends the search. */
const shortest = (trie: Uint32Array, bytes: Uint8Array): number | undefined => {
  let at = offsetOf(trie[0] ?? 0)
  for (const byte of bytes) {
    if (byte === 0) return undefined
    at ^= byte
    const unit = trie[at]
    if (unit === undefined || labelOf(unit) !== byte) return undefined
    at ^= offsetOf(unit)
    const isKey = ((unit >>> 8) & 1) === 1
    if (isKey) return (trie[at] ?? 0) & 0x7fff_ffff
  }
  return undefined
}

/** A unit that is a value has its highest bit set, and so no byte's label. */
const labelOf = (unit: number): number => (unit & 0x8000_00ff) >>> 0

/** From a node to its children's base, xor: 22 bits, eight places further left where bit 9 says so. */
const offsetOf = (unit: number): number => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0
