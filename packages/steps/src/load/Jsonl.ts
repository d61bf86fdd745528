/**
 * Examples from a file with one JSON object a line (JSON Lines).
 *
 * Blank lines are skipped. A label that is a number or a boolean is taken in its text form; null, an empty string and a
 * missing field mean that the example has no label for that task, and so do null, an empty list and a missing field for
 * tags.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"
import * as TagColumn from "./TagColumn.ts"

type Fields = Readonly<Record<string, unknown>>

/**
 * `Load.jsonl({ path: "./data/moods.jsonl", text: "text", label: "mood" })`, or with words already apart
 * `Load.jsonl({ path: "./data/news.jsonl", tokens: "tokens", tags: { entities: "ner" } })`.
 *
 * `text` or `tokens` names the field with the words. `label`, `labels` and `id` as for `Load.csv`; `tags` names a list
 * with one tag per token for each task, normalised to BIO as `Load.conll` does.
 *
 * Fails with `SourceUnreadable` when the file cannot be read, with `InvalidData` naming the line otherwise.
 */
export const jsonl = Step.make({
  name: "Load.jsonl",
  version: "1",
  input: {
    path: Source.file,
    text: Schema.optionalKey(Schema.String),
    tokens: Schema.optionalKey(Schema.String),
    label: Schema.optionalKey(Schema.String),
    labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
    id: Schema.optionalKey(Schema.String),
  },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* (inputs) {
    const source = inputs.path
    const labels = Draft.labelColumns(inputs.label, inputs.labels)
    const tags = Object.entries(inputs.tags ?? {})
    if (
      (inputs.text === undefined) === (inputs.tokens === undefined) ||
      (tags.length > 0 && inputs.text !== undefined)
    ) {
      return yield* new PipelineInvalid({
        where: "Load.jsonl",
        expected: 'either "text", or "tokens" with or without "tags"',
        got: Problem.list((["text", "tokens", "tags"] as const).filter((name) => inputs[name] !== undefined)) || "none",
        advice: "Name the field that holds the words.",
      })
    }
    const rows: Array<readonly [line: number, fields: Fields]> = []
    for (const [index, line] of (yield* SourceText.read(source)).split("\n").entries()) {
      if (line.trim() !== "") rows.push([index + 1, yield* parse(source, index + 1, line)])
    }
    yield* requireFields(
      source,
      rows,
      [...labels, ...tags].map(([, field]) => field),
    )

    const tagColumns: Array<readonly [task: string, column: ReadonlyArray<ReadonlyArray<string> | undefined>]> = []
    for (const [task, field] of tags) {
      const column: Array<TagColumn.Sequence> = []
      for (const [line, fields] of rows) {
        const found = fields[field]
        if (found === undefined || found === null || (Array.isArray(found) && found.length === 0)) {
          column.push({ lineOf: () => line })
        } else column.push({ lineOf: () => line, tags: yield* list(source, line, field, found) })
      }
      tagColumns.push([task, yield* TagColumn.normalise(source, task, column)])
    }

    const drafts: Array<Draft.Draft> = []
    for (const [row, [line, fields]] of rows.entries()) {
      const words =
        inputs.tokens === undefined
          ? { text: yield* text(source, line, inputs.text!, fields) }
          : { tokens: yield* list(source, line, inputs.tokens, fields[inputs.tokens] ?? []) }
      const found: Array<readonly [task: string, label: string]> = []
      for (const [task, field] of labels) {
        const label = (yield* scalar(source, line, field, fields[field] ?? "")).trim()
        if (label !== "") found.push([task, label])
      }
      const sequences: Array<readonly [task: string, tags: ReadonlyArray<string>]> = []
      for (const [task, column] of tagColumns) {
        const sequence = column[row]
        if (sequence === undefined) continue
        if (sequence.length !== words.tokens?.length) {
          return yield* new InvalidData({
            where: SourceText.at(source, line),
            expected: `a tag per token for task ${JSON.stringify(task)}`,
            got: `${words.tokens?.length ?? 0} tokens and ${sequence.length} tags`,
            advice: "",
          })
        }
        sequences.push([task, sequence])
      }
      const id = inputs.id === undefined ? {} : { id: yield* scalar(source, line, inputs.id, fields[inputs.id] ?? "") }
      drafts.push({ line, ...id, ...words, labels: Object.fromEntries(found), tags: Object.fromEntries(sequences) })
    }
    return yield* Draft.examples(source, drafts, {
      labels: labels.map(([task]) => task),
      tags: tags.map(([task]) => task),
    })
  }),
})

const wrong = (source: Source.Located, line: number, expected: string, value: unknown) =>
  new InvalidData({ where: SourceText.at(source, line), expected, got: shown(value), advice: "" })

/** A value as a message shows it: short, whatever it is. */
const shown = (value: unknown): string => {
  const json = JSON.stringify(value) ?? "nothing"
  return json.length > 60 ? `${json.slice(0, 57)}…` : json
}

const parse = (source: Source.Located, line: number, json: string): Effect.Effect<Fields, InvalidData> =>
  Effect.try({
    try: () => JSON.parse(json) as unknown,
    catch: (cause) =>
      new InvalidData({
        where: SourceText.at(source, line),
        expected: "a JSON object",
        got: `${shown(json)} (${cause instanceof Error ? cause.message : String(cause)})`,
        advice: "Every line is one object of its own.",
      }),
  }).pipe(
    Effect.flatMap((value) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? // Without a prototype: a field may be called like something every object inherits.
          Effect.succeed(Object.assign(Object.create(null) as Record<string, unknown>, value))
        : Effect.fail(wrong(source, line, "a JSON object", value)),
    ),
  )

/** A field that no row has is a misspelt one. */
const requireFields = (
  source: Source.Located,
  rows: ReadonlyArray<readonly [line: number, fields: Fields]>,
  names: ReadonlyArray<string>,
): Effect.Effect<void, InvalidData> => {
  const known = new Set(rows.flatMap(([, fields]) => Object.keys(fields)))
  const missing = names.find((name) => !known.has(name))
  return missing === undefined
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where: source.written,
          expected: `rows with a field ${JSON.stringify(missing)}`,
          got: "none",
          advice: Problem.suggestion(missing, known),
        }),
      )
}

const text = (
  source: Source.Located,
  line: number,
  field: string,
  fields: Fields,
): Effect.Effect<string, InvalidData> => {
  const value = fields[field]
  if (typeof value === "string") return Effect.succeed(value)
  return Effect.fail(
    new InvalidData({
      where: SourceText.at(source, line),
      expected: `a string in field ${JSON.stringify(field)}`,
      got: shown(value),
      advice: value === undefined ? Problem.suggestion(field, Object.keys(fields)) : "",
    }),
  )
}

/** The text form of a string, number or boolean. */
const scalar = (
  source: Source.Located,
  line: number,
  field: string,
  value: unknown,
): Effect.Effect<string, InvalidData> =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? Effect.succeed(String(value))
    : Effect.fail(wrong(source, line, `a string, number or boolean in field ${JSON.stringify(field)}`, value))

const list = (
  source: Source.Located,
  line: number,
  field: string,
  value: unknown,
): Effect.Effect<ReadonlyArray<string>, InvalidData> =>
  Array.isArray(value) && value.every((item) => typeof item === "string" && item.trim() !== "")
    ? Effect.succeed(value)
    : Effect.fail(wrong(source, line, `a list of non-empty strings in field ${JSON.stringify(field)}`, value))
