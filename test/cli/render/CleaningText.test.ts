import * as Ansi from "@thaw/cli/render/Ansi"
import * as CleaningText from "@thaw/cli/render/CleaningText"
import { expect, it } from "vitest"

const report = {
  step: "Clean.duplicates",
  before: 2000,
  after: 1990,
  removed: [
    { why: "with the text of an earlier one", examples: 10, sample: [{ id: "r7", what: "the text of r\u001B[1m3" }] },
  ],
  changed: [{ why: "with a label that only a copy carries", examples: 1, sample: [{ id: "r3", what: "…" }] }],
}

it("a cleaning report is a line a reason, with the first example of it and nothing that a terminal obeys", () => {
  expect(CleaningText.lines(report, Ansi.plain)).toEqual([
    "Clean.duplicates  2,000 examples, 1,990 kept",
    "  removed  10  with the text of an earlier one        r7: the text of r·[1m3",
    "  changed   1  with a label that only a copy carries  r3: …",
  ])
  expect(CleaningText.lines({ ...report, after: 2000, removed: [], changed: [] }, Ansi.plain)).toEqual([
    "Clean.duplicates  2,000 examples, all kept",
  ])
})
