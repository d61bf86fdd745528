import * as TextSet from "@thaw/models/TextSet"
import { Effect } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

const hash = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
/** Often equal, and often at the ends. */
const hashes = fc.array(fc.oneof(hash, fc.bigInt({ min: 0n, max: 3n }), fc.constant(2n ** 64n - 1n)), { maxLength: 40 })

describe("a set of texts", () => {
  it("has what it was made from, and nothing else", () => {
    fc.assert(
      fc.property(hashes, hash, (given, other) => {
        const set = TextSet.from(given)
        const oracle = new Set(given)
        expect(set.length).toBe(oracle.size)
        for (const each of given) expect(TextSet.has(set, each)).toBe(true)
        expect(TextSet.has(set, other)).toBe(oracle.has(other))
      }),
    )
  })

  it("is the same bytes for the same texts, whatever their order and how they were joined", () => {
    fc.assert(
      fc.property(hashes, hashes, (a, b) => {
        const bytes = TextSet.encode(TextSet.from([...a, ...b]))
        expect(TextSet.encode(TextSet.from([...b, ...a].toReversed()))).toEqual(bytes)
        expect(TextSet.encode(TextSet.union(TextSet.from(b), TextSet.from(a)))).toEqual(bytes)
        expect([...Effect.runSync(TextSet.decode(bytes, "x"))]).toEqual([...TextSet.from([...a, ...b])])
      }),
    )
  })

  it("grows beyond its first room, and is little-endian on disk", () => {
    const many = Array.from({ length: 5000 }, (_, at) => BigInt((at * 7919) % 5000))
    expect([...TextSet.from(many)]).toEqual(Array.from({ length: 5000 }, (_, at) => BigInt(at)))
    expect([...TextSet.encode(TextSet.from([258n]))]).toEqual([2, 1, 0, 0, 0, 0, 0, 0])
  })

  it.each([
    ["half a hash", new Uint8Array(12), "texts.bin: expected hashes of 8 bytes each, got 12 bytes."],
    ["the same twice", new Uint8Array(16), "texts.bin: expected ascending hashes, got another order at number 2."],
  ])("is not read from %s", (_, bytes, sentence) => {
    expect(Effect.runSync(Effect.flip(TextSet.decode(bytes, "texts.bin"))).message).toBe(sentence)
  })
})
