/**
 * Examples from a file with one JSON object a line (JSON Lines).
 *
 * Blank lines are skipped. A label that is a number or a boolean is taken in its text form; null, an empty string and a
 * missing field mean that the example has no label for that task, and so do null, an empty list and a missing field for
 * tags.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Effect } from "effect"
import * as Columns from "./Columns.ts"
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"

/**
 * `Load.jsonl({ path: "./data/moods.jsonl", text: "text", label: "mood" })`, or with words already apart
 * `Load.jsonl({ path: "./data/news.jsonl", tokens: "tokens", tags: { entities: "ner" } })`.
 *
 * `path` names a file, a folder of files or a glob. `text` or `tokens` names the field with the words. `tags` names a
 * list with one tag per token for each task, normalised to BIO as `Load.conll` does, `labelSets` a list of labels.
 * Everything else as for `Load.csv`.
 *
 * Fails with `SourceUnreadable` when a file cannot be read, with `InvalidData` naming the line otherwise.
 */
export const jsonl = Step.make({
  name: "Load.jsonl",
  version: "2",
  input: { path: Source.files, ...Columns.ofLists },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* ({ path, ...given }) {
    const columns = yield* Columns.of("Load.jsonl", given)
    const seen = new Set<string>()
    const format: Draft.Format = {
      unit: "line",
      read: async function* (source) {
        const read = Columns.reader(columns, { source, unit: "line" })
        for await (const lines of SourceText.lines(source)) {
          const drafts: Array<Draft.Draft> = []
          for (const { line, text } of lines) {
            if (text.trim() === "") continue
            const fields = parse(source, line, text)
            for (const name of Object.keys(fields)) seen.add(name)
            drafts.push(read(line, fields))
          }
          yield drafts
        }
      },
      end: (source) => Columns.requireSeen(source, columns, seen),
    }
    return yield* Draft.examples(path, format, Columns.tasksOf(columns))
  }),
})

const parse = (source: Source.Located, line: number, json: string): Columns.Fields => {
  const where = SourceText.at(source, line)
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (cause) {
    throw new InvalidData({
      where,
      expected: "a JSON object",
      got: `${Problem.shown(json)} (${(cause as Error).message})`,
      advice: "Every line is one object of its own.",
    })
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InvalidData({ where, expected: "a JSON object", got: Problem.shown(value), advice: "" })
  }
  // Without a prototype: a field may be called like something every object inherits.
  return Object.assign(Object.create(null) as Record<string, unknown>, value)
}
