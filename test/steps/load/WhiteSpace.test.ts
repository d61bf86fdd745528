import * as NormalisedText from "@thaw/steps/NormalisedText"
import * as WhiteSpace from "@thaw/steps/load/WhiteSpace"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

const trimmed = (text: string, around = ""): string => {
  const bytes = Buffer.from(`${around}${text}${around}`)
  const [first, last] = [Buffer.byteLength(around), bytes.length - Buffer.byteLength(around)]
  const start = WhiteSpace.startOf(bytes, first, last)
  return bytes.toString("utf8", start, WhiteSpace.endOf(bytes, start, last))
}

function* codePoints(): Generator<string, void, void> {
  for (let point = 0; point < 0x110000; point++) if (point < 0xd800 || point > 0xdfff) yield String.fromCodePoint(point)
}

describe("white space in UTF-8", () => {
  it("is what trim takes away, of all characters", () => {
    const differing = [...codePoints()].filter((each) => trimmed(`${each}a${each}`) !== `${each}a${each}`.trim())
    expect(differing).toEqual([])
  })

  it("is taken away at both ends, and nothing is looked at beyond them", () => {
    const parts = fc.constantFrom("a", "é", "\u0080", "😀", "\u0900", "ກ", " ", "\t", "\n", "\u00A0", "\u1680", "\u2009", "\u2028", "\u202F", "\u205F", "\u3000", "\uFEFF", "\u200B") // prettier-ignore
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 6 }), fc.constantFrom("", " ", "\u3000", "é"), (given, around) => {
        expect(trimmed(given.join(""), around)).toBe(given.join("").trim())
      }),
    )
  })

  it("is all that normalisation leaves nothing of", () => {
    const differing = [...codePoints()].filter((each) => NormalisedText.isEmpty(each) !== (each.trim() === ""))
    expect(differing).toEqual([])
  })
})
