/** What augmentation made and dropped: a line an operation with one of its copies, and a line a reason. */
import type * as Report from "@thaw/steps/augment/Report"
import { Struct } from "effect"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as Table from "./Table.ts"

const reasons: Readonly<Record<keyof Report.Dropped, string>> = {
  equalToOrigin: "equal to the example they were made from",
  equalToAnother: "equal to another example or copy",
  dissimilar: "outside the bounds of similarity",
}

/** @param output under which the report is kept, which tells it from others */
export const lines = (
  output: string,
  report: Report.Report,
  palette: Ansi.Palette,
  columns = Number.POSITIVE_INFINITY,
): ReadonlyArray<string> => {
  const { examples, copies, dropped, operations, sample } = report
  const made = Object.entries(operations)
    .sort(([a, one], [b, other]) => other.copies - one.copies || (a < b ? -1 : 1))
    .map(([operation, sum]) => {
      const copy = sample.find((each) => each.operations.includes(operation))
      return [
        "made",
        Figures.count(sum.copies),
        Ansi.tame(`by ${operation}, ${Figures.several(sum.words, "word")}`),
        palette.dim(copy === undefined ? "" : Ansi.tame(`${copy.id}: ${copy.after}`)),
      ]
    })
  const left = Struct.keys(reasons)
    .filter((reason) => dropped[reason] > 0)
    .map((reason) => ["dropped", Figures.count(dropped[reason]), reasons[reason], ""])
  return [
    `${Ansi.tame(output)}  ${palette.dim(`${Figures.several(examples, "example")}, ${Figures.several(copies, "copy", "copies")}`)}`,
    ...Table.lines(
      [{ title: "" }, { title: "", align: "right" }, { title: "" }, { title: "" }],
      [...made, ...left],
      palette,
      columns - 2,
    ).map((line) => `  ${line}`),
  ]
}
