import { digestOf, Fingerprints } from "@thaw/core/Fingerprints"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

describe("a fingerprint", () => {
  /** `mmh3.hash128(text.encode("utf-16-le"), 0, x64arch=False)` of the Python package mmh3 5, lowest word first. */
  it.each([
    ["", [0, 0, 0, 0]],
    ["a", [54243734, 3438235617, 3438235617, 3438235617]],
    ["ab", [638564691, 2938287869, 2938287869, 2938287869]],
    ["héllo", [2007614876, 997000828, 3111650253, 512738723]],
    ["example-1", [236938381, 572287573, 3190870340, 1346000256]],
    ["example-12345678", [1246262221, 3579107382, 3664273252, 938652596]],
    ["The quick brown fox jumps over the lazy dog", [364820102, 261420746, 4275341645, 683568475]],
    ["😀 x", [1334039263, 3642018873, 2813835084, 2813835084]],
  ])("of %j is MurmurHash3_x86_128 of its code units", (text, words) => {
    expect([...digestOf(text)]).toEqual(words)
  })
})

describe("a map of fingerprints", () => {
  it("says what a map of the texts says", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string({ maxLength: 3 }), fc.nat(9), fc.boolean())), (steps) => {
        const map = new Map<string, number>()
        const prints = new Fingerprints()
        for (const [text, value, isSet] of steps) {
          if (isSet) {
            map.set(text, value)
            prints.set(text, value)
          } else {
            expect(prints.add(text, value)).toBe(map.get(text) ?? -1)
            if (!map.has(text)) map.set(text, value)
          }
        }
        expect(prints.size).toBe(map.size)
        for (const [text] of steps) expect(prints.get(text)).toBe(map.get(text))
        expect(prints.get("no such text")).toBe(-1)
      }),
    )
  })

  it("keeps apart a hundred thousand texts that grow it", () => {
    const prints = new Fingerprints()
    for (let at = 0; at < 100_000; at++) expect(prints.add(`example ${at}`, at)).toBe(-1)
    for (let at = 0; at < 100_000; at += 997) expect(prints.get(`example ${at}`)).toBe(at)
    expect(prints.size).toBe(100_000)
  })
})
