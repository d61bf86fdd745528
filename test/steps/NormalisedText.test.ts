import * as NormalisedText from "@thaw/steps/NormalisedText"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

describe("the hash of a normalised text", () => {
  it("is the same from bytes as from a string", () => {
    const parts = fc.constantFrom(
      "a",
      "Z",
      "~",
      " ",
      "  ",
      "\t",
      "\u00A0",
      "é",
      "ﬁ",
      "😀",
      "\u0000",
      "\u007F",
      "x".repeat(70_000),
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 6 }), fc.constantFrom("", "  ", "é"), (given, around) => {
        const text = given.join("")
        fc.pre(text.trim() !== "")
        const bytes = Buffer.from(`${around}${text}${around}`)
        const skipped = Buffer.byteLength(around)
        const into = Buffer.alloc(20, ".")
        NormalisedText.writeHash(bytes, skipped, bytes.length - skipped, into, 2)
        expect(into.toString()).toBe(`..${NormalisedText.hash(NormalisedText.of(text))}..`)
      }),
    )
  })
})
