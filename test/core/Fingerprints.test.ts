import { digestOf, Fingerprints } from "@thaw/core/Fingerprints"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

describe("a fingerprint", () => {
  /** `mmh3.hash_bytes(text.encode(), 0, x64arch=False)` of the Python package mmh3 5, as four int32. */
  it.each([
    ["", [0, 0, 0, 0]],
    ["a", [-1483435204, 1431744539, 1431744539, 1431744539]],
    ["ab", [360993247, 633221136, 633221136, 633221136]],
    ["héllo", [-980869164, -1624981466, -1702516860, -1702516860]],
    ["example-1", [327885414, 1762391074, -1166201959, -1430121868]],
    ["example-12345678", [631004549, 303923087, -1403849292, -1138145096]],
    ["The quick brown fox jumps over the lazy dog", [789939139, -319935385, 1568405100, -437707476]],
    ["😀 x", [760184662, 916731024, 1517524810, 1517524810]],
  ])("of %j is MurmurHash3_x86_128 of its UTF-8", (text, words) => {
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

  it("takes texts of rows as it takes the texts, and tells of those that it knows", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme", maxLength: 3 })), fc.nat(3), (texts, start) => {
        const bytes = Buffer.from(texts.join(""))
        const to = Int32Array.from(texts, (_, at) => Buffer.byteLength(texts.slice(0, at + 1).join("")))
        const from = Int32Array.from(texts, (_, at) => (at === 0 ? 0 : to[at - 1]!))
        const [prints, oracle] = [new Fingerprints(), new Map<string, number>()]
        const known: Array<number> = []
        prints.addCells({ bytes, from, to }, Math.min(start, texts.length), texts.length, (row) => {
          known.push(row)
          prints.add(`${row}, another`, prints.size)
        })
        const expected: Array<number> = []
        for (const [row, text] of texts.entries()) {
          if (row < start) continue
          if (oracle.has(text)) expected.push(row)
          oracle.set(oracle.has(text) ? `${row}, another` : text, oracle.size)
        }
        expect(known).toEqual(expected)
        expect(prints.size).toBe(oracle.size)
        for (const text of [...texts, ...oracle.keys()]) expect(prints.get(text)).toBe(oracle.get(text) ?? -1)
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
