/** Columns that line up. */
import * as Ansi from "./Ansi.ts"

export interface Column {
  readonly title: string
  /** Figures stand at the right. */
  readonly align?: "left" | "right"
}

/** Lines of the table, titles first, cut to `columns` where given. */
export const lines = (
  head: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  palette: Ansi.Palette,
  columns = Number.POSITIVE_INFINITY,
): ReadonlyArray<string> => {
  const widths = head.map(({ title }, i) => Math.max(Ansi.width(title), ...rows.map((row) => Ansi.width(row[i] ?? ""))))
  const line = (row: ReadonlyArray<string>) =>
    Ansi.cut(
      row
        .map((cell, i) =>
          head[i]!.align === "right" ? Ansi.padStart(cell, widths[i]!) : Ansi.padEnd(cell, widths[i]!),
        )
        .join("  ")
        .trimEnd(),
      columns,
    )
  const titles = head.map(({ title }) => title)
  return [...(titles.some((title) => title !== "") ? [palette.dim(line(titles))] : []), ...rows.map(line)]
}
