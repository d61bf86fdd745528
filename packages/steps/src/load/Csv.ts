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
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"

/** A row of cells and the line it starts on. */
interface Row {
  readonly line: number
  readonly cells: ReadonlyArray<string>
}

/**
 * `Load.csv({ path: "./data/topics.csv", text: "text", label: "topic" })`: the column `text` is the example's text, the
 * column `topic` its label for the task `topic`. Other columns are ignored.
 *
 * `labels: { mood: "mood_2024" }` names tasks otherwise than their columns and takes several; `id` names a column with
 * unique ids, without which ids come from the text. The delimiter is a comma, or a tab in a file called `*.tsv`.
 *
 * Fails with `SourceUnreadable` when the file cannot be read, with `InvalidData` naming the line otherwise.
 */
export const csv = Step.make({
  name: "Load.csv",
  version: "1",
  input: {
    path: Source.file,
    text: Schema.String,
    label: Schema.optionalKey(Schema.String),
    labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    id: Schema.optionalKey(Schema.String),
    delimiter: Schema.optionalKey(Schema.String),
  },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* (inputs) {
    const source = inputs.path
    const labels = Draft.labelColumns(inputs.label, inputs.labels)
    const delimiter = inputs.delimiter ?? (source.path.toLowerCase().endsWith(".tsv") ? "\t" : ",")
    const [header, ...rows] = yield* parse(source, yield* SourceText.read(source), delimiter)
    const names = header?.cells ?? []
    const text = yield* column(source, names, inputs.text, delimiter)
    const id = inputs.id === undefined ? undefined : yield* column(source, names, inputs.id, delimiter)
    const labelPlaces: Array<readonly [task: string, place: number]> = []
    for (const [task, name] of labels) labelPlaces.push([task, yield* column(source, names, name, delimiter)])

    const drafts: Array<Draft.Draft> = []
    for (const { line, cells } of rows) {
      if (cells.length !== names.length) {
        return yield* new InvalidData({
          where: SourceText.at(source, line),
          expected: `${names.length} cells as in the header`,
          got: `${cells.length}`,
          advice: `Put quotes around cells that contain ${JSON.stringify(delimiter)}.`,
        })
      }
      const present = labelPlaces.map(([task, place]) => [task, cells[place]!.trim()] as const)
      drafts.push({
        line,
        ...(id === undefined ? {} : { id: cells[id]! }),
        text: cells[text]!,
        labels: Object.fromEntries(present.filter(([, label]) => label !== "")),
        tags: {},
      })
    }
    return yield* Draft.examples(source, drafts, { labels: labels.map(([task]) => task), tags: [] })
  }),
})

/** Rows with their lines, header first. */
const parse = (
  source: Source.Located,
  text: string,
  delimiter: string,
): Effect.Effect<ReadonlyArray<Row>, InvalidData> => {
  const rows: Array<Row> = []
  let malformed: InvalidData | undefined
  let line = 1
  let read = 0
  Papa.parse<ReadonlyArray<string>>(text, {
    delimiter,
    newline: "\n",
    step: ({ data, errors, meta }, parser) => {
      const problem = errors.find(({ type }) => type === "Quotes")
      if (problem !== undefined) {
        malformed = new InvalidData({
          where: SourceText.at(source, line),
          expected: "a quoted cell to end with a quote before the delimiter or the line end",
          got: problem.code === "MissingQuotes" ? "no closing quote" : "text after the closing quote",
          advice: 'Write a quote inside a quoted cell twice ("").',
        })
        parser.abort()
        return
      }
      if (data.length > 1 || data[0] !== "") rows.push({ line, cells: data })
      for (; read < meta.cursor; read++) if (text[read] === "\n") line++
    },
  })
  return malformed === undefined ? Effect.succeed(rows) : Effect.fail(malformed)
}

/** Place of a column in the header. */
const column = (
  source: Source.Located,
  header: ReadonlyArray<string>,
  name: string,
  delimiter: string,
): Effect.Effect<number, InvalidData> => {
  const place = header.indexOf(name)
  if (place >= 0 && header.lastIndexOf(name) === place) return Effect.succeed(place)
  const other = [",", ";", "\t", "|"].find(
    (mark) => mark !== delimiter && header.length === 1 && header[0]!.includes(mark),
  )
  return Effect.fail(
    new InvalidData({
      where: SourceText.at(source, 1),
      expected: `one column ${JSON.stringify(name)}`,
      got: place >= 0 ? "several" : `the columns ${Problem.list(header)}`,
      advice:
        place >= 0
          ? "Rename all but one."
          : other === undefined
            ? Problem.suggestion(name, header)
            : `The cells seem to be separated by ${JSON.stringify(other)}: set delimiter.`,
    }),
  )
}
