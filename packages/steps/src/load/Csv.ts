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
        const table = new Table(source, delimiter, columns, separator)
        for await (const piece of parse(source, delimiter)) yield table.drafts(piece)
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

/** Rows of cells, header first, as they stand in the file one after the other. */
interface Piece {
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  /** What is wrong with a quote, in the row with this number or behind all of them. */
  readonly problem: { readonly row: number; readonly code: string } | undefined
  /** Whether a cell may hold a line end. */
  readonly hasQuotes: boolean
}

/** What the pieces of one file say. */
class Table {
  private readonly source: Source.Located
  private readonly delimiter: string
  private readonly columns: Columns.Columns
  private readonly separator: string
  private readonly read: ReturnType<typeof Columns.reader>
  private header: ReadonlyArray<string> | undefined
  private cells: ReadonlyArray<Cell> = []
  private line = 1
  /** One for all rows: a row's values are read at once. Without a prototype, as any name may be a column's. */
  private readonly fields: Record<string, unknown> = Object.create(null)

  constructor(source: Source.Located, delimiter: string, columns: Columns.Columns, separator: string) {
    this.source = source
    this.delimiter = delimiter
    this.columns = columns
    this.separator = separator
    this.read = Columns.reader(columns, { source, unit: "line" })
  }

  *drafts({ rows, problem, hasQuotes }: Piece): Generator<Draft.Draft, void, void> {
    const { source, fields } = this
    for (let at = 0; at < rows.length; at++) {
      if (problem?.row === at) throw malformed(source, this.line, problem.code)
      const row = rows[at]!
      const { line } = this
      this.line = line + 1 + (hasQuotes ? lineEndsIn(row) : 0)
      if (row.length === 1 && row[0] === "") continue
      if (this.header === undefined) {
        if (row.length > 1 || row[0]!.trim() !== "") this.begin(row)
        continue
      }
      if (row.length !== this.header.length) throw uneven(source, line, this.header, row, this.delimiter)
      for (const { name, place, valueOf } of this.cells) {
        const cell = row[place]!
        fields[name] = valueOf === undefined ? cell : valueOf(cell)
      }
      yield this.read(line, fields)
    }
    if (problem !== undefined) throw malformed(source, this.line, problem.code)
  }

  private begin(header: ReadonlyArray<string>): void {
    this.header = header
    const sets = new Set(this.columns.labelSets.map(([, column]) => column))
    const numbers = new Set(this.columns.scores.map(([, column]) => column))
    const setOfCell = (cell: string) => setOf(cell, this.separator)
    this.cells = Columns.all(this.columns).map((name) => ({
      name,
      place: placeOf(this.source, header, name, this.delimiter),
      valueOf: sets.has(name) ? setOfCell : numbers.has(name) ? numberOf : undefined,
    }))
  }
}

/** A column that is asked for: its place in the header, and what its cells stand for where that is not their text. */
interface Cell {
  readonly name: string
  readonly place: number
  readonly valueOf: ((cell: string) => unknown) | undefined
}

const lineEndsIn = (row: ReadonlyArray<string>): number => {
  let count = 0
  for (const cell of row) if (cell.includes("\n")) count += cell.split("\n").length - 1
  return count
}

/** Longer rows are taken for a quote that never closes. */
const mostRowLength = 2 ** 28

/** The file, piece by piece. */
async function* parse(source: Source.Located, delimiter: string): AsyncGenerator<Piece, void, void> {
  const parser = new Papa.Parser({ delimiter, newline: "\n" })
  let waiting: Array<string> = []
  let waitingLength = 0
  /** A row that a piece does not end is looked at again when twice as much is there: time stays linear in its length. */
  let enough = 0
  const pieceOf = (text: string, isLast: boolean): Piece => {
    const { data, errors, meta } = parser.parse(text, 0, !isLast) as Papa.ParseResult<ReadonlyArray<string>>
    const problem = errors.find(({ type }) => type === "Quotes")
    const rest = text.slice(meta.cursor)
    waiting = [rest]
    waitingLength = rest.length
    enough = 2 * rest.length
    return {
      rows: data,
      problem: problem && { row: problem.row ?? data.length, code: problem.code },
      hasQuotes: text.includes('"'),
    }
  }
  for await (const piece of SourceText.pieces(source)) {
    waiting.push(piece)
    waitingLength += piece.length
    if (waitingLength > mostRowLength) {
      yield { rows: [], problem: { row: 0, code: "MissingQuotes" }, hasQuotes: true }
      return
    }
    if (waitingLength >= enough) yield pieceOf(waiting.join(""), false)
  }
  yield pieceOf(waiting.join(""), true)
}

const malformed = (source: Source.Located, line: number, code: string): InvalidData =>
  new InvalidData({
    where: SourceText.at(source, line),
    expected: "a quoted cell to end with a quote before the delimiter or the line end",
    got: code === "MissingQuotes" ? "no closing quote" : "text after the closing quote",
    advice: 'Write a quote inside a quoted cell twice ("").',
  })

const uneven = (
  source: Source.Located,
  line: number,
  header: ReadonlyArray<string>,
  cells: ReadonlyArray<string>,
  delimiter: string,
): InvalidData =>
  new InvalidData({
    where: SourceText.at(source, line),
    expected: `${header.length} cells as in the header`,
    got: `${cells.length}`,
    advice: `Put quotes around cells that contain ${JSON.stringify(delimiter)}.`,
  })

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
