import * as Sample from "@thaw/steps/Sample"
import * as Difficulty from "@thaw/steps/sample/Difficulty"
import { describe, expect, it } from "vitest"

const texts = [[1, 2, 2], [2], [3, 1, 2, 2]] // prettier-ignore
const source: Difficulty.Source = { size: 3, tokensOf: (row) => texts[row]!, scoreOf: (row, name) => row * name.length }

describe("difficulty", () => {
  it("by length is the number of tokens", () => {
    expect([...Difficulty.of(Sample.length(), source)]).toEqual([3, 1, 4])
  })

  it("by rarity is −Σ log of how often each token occurs among all", () => {
    // Eight tokens: 1 twice, 2 five times, 3 once.
    const log = (count: number) => Math.log(8 / count)
    const expected = [log(2) + 2 * log(5), log(5), log(1) + log(2) + 2 * log(5)]
    Difficulty.of(Sample.rarity(), source).forEach((value, row) => expect(value).toBeCloseTo(expected[row]!, 12))
  })

  it("by score is the column's number", () => {
    expect([...Difficulty.of(Sample.score({ name: "hard" }), source)]).toEqual([0, 4, 8])
  })
})
