/**
 * A set of texts, known by 64-bit hashes of their normalised form: enough to tell whether a text is in it, and nothing to
 * read the texts from. Two different texts count as the same with a probability of 2⁻⁶⁴ for each pair.
 *
 * ```
 * texts.bin    n × uint64, little-endian, ascending, each once
 * ```
 *
 * So equal sets are equal bytes, whatever the order in which texts came.
 */
import { ArtifactBroken } from "@thaw/core/Errors"
import { Effect } from "effect"

declare const Sorted: unique symbol

/** Ascending, without repeats. Not to be changed. */
export type TextSet = BigUint64Array<ArrayBuffer> & { readonly [Sorted]: true }

const bytesEach = BigUint64Array.BYTES_PER_ELEMENT

export const empty = new BigUint64Array(0) as TextSet

/** Of hashes in any order, repeats among them. */
export const from = (hashes: Iterable<bigint>): TextSet => distinct(sorted(hashes))

/** Those that occur more than once. */
export const repeated = (hashes: Iterable<bigint>): TextSet => {
  const all = sorted(hashes)
  let size = 0
  for (let at = 1; at < all.length; at++) if (all[at] === all[at - 1]) all[size++] = all[at]!
  return distinct(all.subarray(0, size))
}

const sorted = (hashes: Iterable<bigint>): BigUint64Array => {
  let all = new BigUint64Array(1024)
  let size = 0
  for (const hash of hashes) {
    if (size === all.length) {
      const larger = new BigUint64Array(2 * size)
      larger.set(all)
      all = larger
    }
    all[size++] = hash
  }
  return all.subarray(0, size).sort()
}

/** Compacts in place, then copies what is left. */
const distinct = (ascending: BigUint64Array): TextSet => {
  let size = 0
  for (let at = 0; at < ascending.length; at++) {
    if (size === 0 || ascending[at] !== ascending[size - 1]) ascending[size++] = ascending[at]!
  }
  return ascending.slice(0, size) as TextSet
}

export const union = (a: TextSet, b: TextSet): TextSet => {
  const all = new BigUint64Array(a.length + b.length)
  all.set(a)
  all.set(b, a.length)
  return distinct(all.sort())
}

export const has = (set: TextSet, hash: bigint): boolean => {
  let low = 0
  let high = set.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (set[middle]! < hash) low = middle + 1
    else high = middle
  }
  return set[low] === hash
}

export const encode = (set: TextSet): Uint8Array => {
  const bytes = new Uint8Array(set.length * bytesEach)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < set.length; at++) view.setBigUint64(at * bytesEach, set[at]!, true)
  return bytes
}

/** @param where names the file, for messages */
export const decode = (bytes: Uint8Array, where: string): Effect.Effect<TextSet, ArtifactBroken> => {
  const broken = (expected: string, got: string) =>
    Effect.fail(new ArtifactBroken({ where, expected, got, advice: "" }))
  if (bytes.length % bytesEach !== 0) return broken("hashes of 8 bytes each", `${bytes.length} bytes`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const set = new BigUint64Array(bytes.length / bytesEach)
  for (let at = 0; at < set.length; at++) {
    set[at] = view.getBigUint64(at * bytesEach, true)
    if (at > 0 && set[at]! <= set[at - 1]!) return broken("ascending hashes", `another order at number ${at + 1}`)
  }
  return Effect.succeed(set as TextSet)
}
