/**
 * Examples from a CSV file (RFC 4180) with a header row.
 *
 * Cells are text. Line ends may be mixed; inside quotes they become LF. Blank lines are skipped. Labels lose white
 * space around them, and an empty label cell means that the example has no label for that task.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import Papa from "papaparse"
import * as Columns from "./Columns.ts"
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"

/**
 * `Load.csv({ path: "./data/topics.csv", text: "text", label: "topic" })`: the column `text` is the example's text, the
 * column `topic` its label for the task `topic`. Other columns are ignored.
 *
 * `path` names a file, a folder of files or a glob; each file has its own header. `labels: { mood: "mood_2024" }` names
 * tasks otherwise than their columns and takes several, `scores` the same for numbers, `labelSets` for cells with several
 * labels, parted by `separator` (a comma unless given). `pair` is a second text, `id` a column with unique ids, without
 * which ids come from the text. The delimiter is a comma, or a tab in a file called `*.tsv`.
 *
 * Fails with `SourceUnreadable` when a file cannot be read, with `InvalidData` naming the line otherwise.
 */
export const csv = Step.make({
  name: "Load.csv",
  version: "2",
  input: {
    path: Source.files,
    ...Columns.ofValues,
    text: Schema.String,
    delimiter: Schema.optionalKey(Schema.String),
    separator: Schema.optionalKey(Schema.String),
  },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* ({ path, delimiter: asked, separator = ",", ...given }) {
    const columns = yield* Columns.of("Load.csv", given)
    const format: Draft.Format = {
      unit: "line",
      read: async function* (source) {
        const delimiter = asked ?? (source.path.toLowerCase().endsWith(".tsv") ? "\t" : ",")
        let header: ReadonlyArray<string> | undefined
        let places: ReadonlyArray<readonly [column: string, place: number]> = []
        const sets = new Set(columns.labelSets.map(([, column]) => column))
        const numbers = new Set(columns.scores.map(([, column]) => column))
        const read = Columns.reader(columns, { source, unit: "line" })
        // One for all rows: a row's values are read at once. Without a prototype, as any name may be a column's.
        const fields: Record<string, unknown> = Object.create(null)
        for await (const rows of parse(source, delimiter)) {
          const drafts: Array<Draft.Draft> = []
          for (const { line, cells } of rows) {
            if (header === undefined) {
              if (cells.length === 1 && cells[0]!.trim() === "") continue
              header = cells
              places = Columns.all(columns).map((name) => [name, placeOf(source, cells, name, delimiter)])
              continue
            }
            requireWidth(source, line, header, cells, delimiter)
            for (const [name, place] of places) {
              const cell = cells[place]!
              fields[name] = sets.has(name) ? setOf(cell, separator) : numbers.has(name) ? numberOf(cell) : cell
            }
            drafts.push(read(line, fields))
          }
          yield drafts
        }
      },
    }
    return yield* Draft.examples(path, format, Columns.tasksOf(columns))
  }),
})

/** An empty cell says nothing. */
const setOf = (cell: string, separator: string): ReadonlyArray<string> | undefined =>
  cell.trim() === "" ? undefined : cell.split(separator).map((label) => label.trim())

/** A number, nothing, or the cell as it is, which is refused with its place. */
const numberOf = (cell: string): unknown => {
  if (cell.trim() === "") return undefined
  const number = Number(cell)
  return Number.isFinite(number) ? number : cell
}

/** A row of cells and the line it starts on. */
interface Row {
  readonly line: number
  readonly cells: ReadonlyArray<string>
}

/** Longer rows are taken for a quote that never closes. */
const mostRowLength = 2 ** 28

/** Rows with their lines, header first, many at a time. */
async function* parse(source: Source.Located, delimiter: string): AsyncGenerator<ReadonlyArray<Row>, void, void> {
  const parser = new Papa.Parser({ delimiter, newline: "\n" })
  let line = 1
  let waiting: Array<string> = []
  let waitingLength = 0
  /** A row that a piece does not end is looked at again when twice as much is there: time stays linear in its length. */
  let enough = 0
  const rowsOf = (text: string, isLast: boolean): ReadonlyArray<Row> => {
    const { data, errors, meta } = parser.parse(text, 0, !isLast) as Papa.ParseResult<ReadonlyArray<string>>
    const problem = errors.find(({ type }) => type === "Quotes")
    const rows: Array<Row> = []
    for (const [at, cells] of data.entries()) {
      if (problem?.row === at) throw malformed(source, line, problem.code)
      if (cells.length > 1 || cells[0] !== "") rows.push({ line, cells })
      line++
      for (const cell of cells) if (cell.includes("\n")) line += cell.split("\n").length - 1
    }
    if (problem !== undefined) throw malformed(source, line, problem.code)
    const rest = text.slice(meta.cursor)
    waiting = [rest]
    waitingLength = rest.length
    enough = 2 * rest.length
    return rows
  }
  for await (const piece of SourceText.pieces(source)) {
    waiting.push(piece)
    waitingLength += piece.length
    if (waitingLength > mostRowLength) throw malformed(source, line, "MissingQuotes")
    if (waitingLength >= enough) yield rowsOf(waiting.join(""), false)
  }
  yield rowsOf(waiting.join(""), true)
}

const malformed = (source: Source.Located, line: number, code: string): InvalidData =>
  new InvalidData({
    where: SourceText.at(source, line),
    expected: "a quoted cell to end with a quote before the delimiter or the line end",
    got: code === "MissingQuotes" ? "no closing quote" : "text after the closing quote",
    advice: 'Write a quote inside a quoted cell twice ("").',
  })

const requireWidth = (
  source: Source.Located,
  line: number,
  header: ReadonlyArray<string>,
  cells: ReadonlyArray<string>,
  delimiter: string,
): void => {
  if (cells.length === header.length) return
  throw new InvalidData({
    where: SourceText.at(source, line),
    expected: `${header.length} cells as in the header`,
    got: `${cells.length}`,
    advice: `Put quotes around cells that contain ${JSON.stringify(delimiter)}.`,
  })
}

/** Place of a column in the header. */
const placeOf = (source: Source.Located, header: ReadonlyArray<string>, name: string, delimiter: string): number => {
  const place = header.indexOf(name)
  if (place >= 0 && header.lastIndexOf(name) === place) return place
  const other = [",", ";", "\t", "|"].find(
    (mark) => mark !== delimiter && header.length === 1 && header[0]!.includes(mark),
  )
  throw new InvalidData({
    where: SourceText.at(source, 1),
    expected: `one column ${JSON.stringify(name)}`,
    got: place >= 0 ? "several" : `the columns ${Problem.list(header)}`,
    advice:
      place >= 0
        ? "Rename all but one."
        : other === undefined
          ? Problem.suggestion(name, header)
          : `The cells seem to be separated by ${JSON.stringify(other)}: set delimiter.`,
  })
}
