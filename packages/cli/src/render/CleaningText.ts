/** What a cleaning step removed and changed: a line a reason with the first example of it. */
import type * as Report from "@thaw/steps/clean/Report"
import * as Ansi from "./Ansi.ts"
import * as Figures from "./Figures.ts"
import * as Table from "./Table.ts"

export const lines = (
  report: Report.Report,
  palette: Ansi.Palette,
  columns = Number.POSITIVE_INFINITY,
): ReadonlyArray<string> => {
  const { step, before, after, removed, changed } = report
  const row =
    (verb: string) =>
    ({ why, examples, sample }: Report.Entry) => [
      verb,
      Figures.count(examples),
      Ansi.tame(why),
      palette.dim(sample[0] === undefined ? "" : Ansi.tame(`${sample[0].id}: ${sample[0].what}`)),
    ]
  const rows = [...removed.map(row("removed")), ...changed.map(row("changed"))]
  const left = before === after ? "all kept" : `${Figures.count(after)} kept`
  return [
    `${step}  ${palette.dim(`${Figures.several(before, "example")}, ${left}`)}`,
    ...Table.lines(
      [{ title: "" }, { title: "", align: "right" }, { title: "" }, { title: "" }],
      rows,
      palette,
      columns - 2,
    ).map((line) => `  ${line}`),
  ]
}
