/**
 * Examples from a CSV file (RFC 4180) with a header row.
 *
 * Cells are text. Line ends may be mixed; inside quotes they become LF. Blank lines are skipped. Labels lose white
 * space around them, and an empty label cell means that the example has no label for that task.
 */
import * as Dataset from "@thaw/core/Dataset"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as Columns from "./Columns.ts"
import * as CsvTable from "./CsvTable.ts"
import * as Draft from "./Draft.ts"

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
        yield* CsvTable.read(source, delimiter, columns, separator)
      },
    }
    return yield* Draft.examples(path, format, Columns.tasksOf(columns))
  }),
})
