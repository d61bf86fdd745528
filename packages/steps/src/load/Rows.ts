/** Examples from rows that the pipeline's author has at hand. */
import * as Dataset from "@thaw/core/Dataset"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as Columns from "./Columns.ts"
import * as Draft from "./Draft.ts"

/**
 * `Load.rows({ rows: [{ text: "Rain again.", topic: "weather" }], text: "text", label: "topic" })`: plain values, which
 * become part of the step's key. Options as for `Load.jsonl`.
 *
 * Fails with `InvalidData` naming the row, counted from 1.
 */
export const rows = Step.make({
  name: "Load.rows",
  version: "1",
  input: { rows: Schema.Array(Schema.Record(Schema.String, Schema.Json)), ...Columns.ofLists },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* ({ rows: given, ...named }) {
    const source = { path: "", written: "Load.rows" }
    const columns = yield* Columns.of("Load.rows", named)
    const seen = new Set<string>()
    const format: Draft.Format = {
      unit: "row",
      read: async function* () {
        const read = Columns.reader(columns, { source, unit: "row" })
        for (let from = 0; from < given.length; from += Draft.atOnce) {
          yield given.slice(from, from + Draft.atOnce).map((row, at) => {
            for (const name of Object.keys(row)) seen.add(name)
            // Without a prototype: a field may be called like something every object inherits.
            const fields = Object.assign(Object.create(null) as Record<string, unknown>, row)
            return read(from + at + 1, fields)
          })
        }
      },
      end: () => Columns.requireSeen(source, columns, seen),
    }
    return yield* Draft.examples(source, format, Columns.tasksOf(columns))
  }),
})
