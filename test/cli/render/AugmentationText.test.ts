import * as Ansi from "@thaw/cli/render/Ansi"
import * as AugmentationText from "@thaw/cli/render/AugmentationText"
import { expect, it } from "vitest"

const report = {
  examples: 1200,
  copies: 1190,
  dropped: { equalToOrigin: 8, equalToAnother: 2, dissimilar: 0 },
  operations: { swap: { copies: 190, words: 380 }, synonyms: { copies: 1000, words: 1 } },
  sample: [
    { id: "r3~1", operations: ["synonyms"], before: "a happy cat", after: "a merry\u001B[1m cat\nsays so" },
    { id: "r4~1", operations: ["synonyms"], before: "a", after: "b" },
  ],
  made: [],
}

it("an augmentation report is a line an operation with one of its copies, and a line for what was dropped", () => {
  expect(AugmentationText.lines("copies", report, Ansi.plain)).toEqual([
    "copies  1,200 examples, 1,190 copies",
    "  made     1,000  by synonyms, 1 word                       r3~1: a merry·[1m cat·says so",
    "  made       190  by swap, 380 words",
    "  dropped      8  equal to the example they were made from",
    "  dropped      2  equal to another example or copy",
  ])
  const nothing = { ...report, examples: 1, copies: 0, dropped: { equalToOrigin: 0, equalToAnother: 0, dissimilar: 1 }, operations: {} } // prettier-ignore
  expect(AugmentationText.lines("copies", nothing, Ansi.plain)).toEqual([
    "copies  1 example, 0 copies",
    "  dropped  1  outside the bounds of similarity",
  ])
})
