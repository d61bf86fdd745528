import * as Chunk from "@thaw/steps/Chunk"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

/** Chunks as they can stand in a sentence: apart or touching, never overlapping. */
const chunked = fc
  .array(fc.record({ gap: fc.nat(2), length: fc.integer({ min: 1, max: 3 }), type: fc.constantFrom("PER", "LOC") }))
  .chain((parts) =>
    fc.nat(2).map((after) => {
      let end = 0
      const chunks = parts.map(({ gap, length, type }) => {
        const start = end + gap
        end = start + length
        return { type, start, end }
      })
      return { chunks, tokens: end + after }
    }),
  )

const spelt = (
  chunks: ReadonlyArray<Chunk.Chunk>,
  tokens: number,
  prefix: (place: number, length: number) => string,
) => {
  const tags = Array.from({ length: tokens }, () => "O")
  for (const { type, start, end } of chunks) {
    for (let at = start; at < end; at++) tags[at] = `${prefix(at - start, end - start)}-${type}`
  }
  return tags
}

describe("Chunk", () => {
  it("reads back what BIO writes, strictly and as conlleval", () => {
    fc.assert(
      fc.property(chunked, ({ chunks, tokens }) => {
        const tags = Chunk.toBio(chunks, tokens)
        expect(Chunk.read(tags)).toEqual(chunks)
        expect(Chunk.readStrict(tags)).toEqual(chunks)
      }),
    )
  })

  it("reads BIOES and BILOU to the same chunks", () => {
    fc.assert(
      fc.property(chunked, ({ chunks, tokens }) => {
        for (const [begin, last, single] of ["BES", "BLU"]) {
          const tags = spelt(chunks, tokens, (place, length) =>
            length === 1 ? single! : place === 0 ? begin! : place === length - 1 ? last! : "I",
          )
          expect(Chunk.read(tags)).toEqual(chunks)
        }
      }),
    )
  })

  it("reads IOB1, where B only parts two touching chunks of one type", () => {
    expect(Chunk.toBio(Chunk.read(["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-PER"]), 6)).toEqual([
      "B-PER",
      "I-PER",
      "B-PER",
      "O",
      "B-LOC",
      "B-PER",
    ])
  })

  it("reads bare types as IO", () => {
    expect(Chunk.read(["PER", "PER", "O", "LOC"])).toEqual([
      { type: "PER", start: 0, end: 2 },
      { type: "LOC", start: 3, end: 4 },
    ])
  })

  it("keeps hyphens in types", () => {
    expect(Chunk.read(["B-time-of-day", "I-time-of-day"])).toEqual([{ type: "time-of-day", start: 0, end: 2 }])
  })

  it("leaves out, when strict, an I that continues nothing and what follows it", () => {
    expect(Chunk.readStrict(["I-PER", "I-PER", "B-PER", "I-LOC", "I-PER", "B-LOC", "I-LOC"])).toEqual([
      { type: "PER", start: 2, end: 3 },
      { type: "LOC", start: 5, end: 7 },
    ])
  })
})
