/** Which columns of a table say what: the options that all loaders of tables share, and from a row's values to a draft. */
import type * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Source from "@thaw/core/Source"
import { Effect, Schema } from "effect"
import * as Draft from "./Draft.ts"

const byTask = Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
const one = Schema.optionalKey(Schema.String)

/**
 * Of a loader of columns with one value a row.
 *
 * - `text`, `pair` for a second text beside it, and `negative` for a third that belongs less with the first
 * - `label: "topic"`: the column holds labels of the task `topic`; `labels: { mood: "mood_2024" }` names tasks otherwise
 *   than their columns and takes several
 * - `labelSets: { emotions: "tags" }`: any number of labels an example
 * - `score`, `scores`: the same for numbers
 * - `id`: unique ids, without which ids come from the text
 * - `keep`: columns that are no task and are kept for splits, such as a customer or a day
 */
export const ofValues = { text: one, pair: one, negative: one, label: one, labels: byTask, labelSets: byTask, score: one, scores: byTask, id: one, keep: Schema.optionalKey(Schema.Array(Schema.String)) } as const // prettier-ignore

/** Where a column may hold a list: `tokens` instead of `text`, and `tags` with one for each token. */
export const ofLists = { ...ofValues, tokens: one, tags: byTask } as const

/** Where columns have types: `labelNames: { label: ["no", "yes"] }` names the labels of a column with numbers, by column. */
export const ofTypes = { ...ofLists, labelNames: Schema.optionalKey(Schema.Record(Schema.String, Schema.Array(Schema.String))) } as const // prettier-ignore

export interface Given {
  readonly text?: string
  readonly pair?: string
  readonly negative?: string
  readonly tokens?: string
  readonly label?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly labelSets?: Readonly<Record<string, string>>
  readonly score?: string
  readonly scores?: Readonly<Record<string, string>>
  readonly id?: string
  readonly keep?: ReadonlyArray<string>
}

type Pairs = ReadonlyArray<readonly [task: string, column: string]>

export interface Columns extends Pick<Given, "text" | "pair" | "negative" | "tokens" | "id"> {
  readonly labels: Pairs
  readonly tags: Pairs
  readonly labelSets: Pairs
  readonly scores: Pairs
  readonly kept: Pairs
}

/** Task → column from `labels: { task: column }` and the short form `label: column`, whose task has the column's name. */
const pairsOf = (single: string | undefined, several: Readonly<Record<string, string>> = {}): Pairs => [
  ...(single === undefined ? [] : [[single, single] as const]),
  ...Object.entries(several),
]

/** Fails unless the words stand in one place. */
export const of = (loader: string, given: Given): Effect.Effect<Columns, PipelineInvalid> => {
  const { text, pair, negative, tokens, id } = given
  const tags = pairsOf(undefined, given.tags)
  if ((text === undefined) === (tokens === undefined) || (text === undefined ? pair !== undefined : tags.length > 0)) {
    const named = (["text", "pair", "tokens", "tags"] as const).filter((name) => given[name] !== undefined)
    return Effect.fail(
      new PipelineInvalid({
        where: loader,
        expected: 'either "text", with or without "pair", or "tokens" with or without "tags"',
        got: Problem.list(named) || "none",
        advice: "Name the field that holds the words.",
      }),
    )
  }
  if (negative !== undefined && pair === undefined) {
    return Effect.fail(
      new PipelineInvalid({
        where: loader,
        expected: '"pair" beside "negative"',
        got: '"negative" alone',
        advice: "Name the field with the text that belongs with the first.",
      }),
    )
  }
  return Effect.succeed({
    ...(text !== undefined && { text }),
    ...(pair !== undefined && { pair }),
    ...(negative !== undefined && { negative }),
    ...(tokens !== undefined && { tokens }),
    ...(id !== undefined && { id }),
    labels: pairsOf(given.label, given.labels),
    tags,
    labelSets: pairsOf(undefined, given.labelSets),
    scores: pairsOf(given.score, given.scores),
    kept: [...new Set(given.keep)].map((name) => [name, name] as const),
  })
}

const names = (pairs: Pairs): ReadonlyArray<string> => pairs.map(([task]) => task)

export const tasksOf = ({ labels, tags, labelSets, scores, kept }: Columns): Dataset.Tasks => ({
  labels: names(labels),
  tags: names(tags),
  ...(labelSets.length > 0 && { labelSets: names(labelSets) }),
  ...(scores.length > 0 && { scores: names(scores) }),
  ...(kept.length > 0 && { kept: names(kept) }),
})

/** Columns of tasks and those that are kept: a row may lack them, but not every row. */
export const taskColumns = ({ labels, tags, labelSets, scores, kept }: Columns): ReadonlyArray<string> =>
  [...labels, ...tags, ...labelSets, ...scores, ...kept].map(([, column]) => column)

/** All columns, each once. */
export const all = (columns: Columns): ReadonlyArray<string> => {
  const { text, pair, negative, tokens, id } = columns
  const words = [text, pair, negative, tokens, id].filter((name) => name !== undefined)
  return [...new Set([...words, ...taskColumns(columns)])]
}

/** Names of the labels that a column has numbers for. */
export type LabelNames = Readonly<Record<string, ReadonlyArray<string>>>

/** The values of a row by column. */
export type Fields = Readonly<Record<string, unknown>>

export interface Table {
  readonly source: Source.Located
  readonly unit: "line" | "row"
  readonly labelNames?: LabelNames
}

/** Reads rows of a table, one after the other, into drafts. Throws `InvalidData` naming row and column. */
export const reader = (columns: Columns, table: Table): ((place: number, fields: Fields) => Draft.Draft) => {
  /** The row that is read: what reads it is made once for all rows. */
  let place = 0
  let fields: Fields = {}
  const wrong = (expected: string, value: unknown, advice = ""): never => {
    throw new InvalidData({ where: Draft.at(table.source, table, place), expected, got: Problem.shown(value), advice })
  }
  const string = (column: string): string => {
    const value = fields[column]
    if (typeof value === "string") return value
    const advice = value === undefined ? Problem.suggestion(column, Object.keys(fields)) : ""
    return wrong(`a string in field ${JSON.stringify(column)}`, value, advice)
  }
  const scalar = (column: string, value: unknown): string =>
    named(column, value) ?? wrong(`a string, number or boolean in field ${JSON.stringify(column)}`, value)
  /** The text form of a string, number or boolean; the name that stands for a number where there are names. */
  const named = (column: string, value: unknown): string | undefined => {
    const known = table.labelNames?.[column]
    if (known !== undefined && (typeof value === "bigint" || typeof value === "number")) {
      // Upstream writes -1 for a label that nobody knows.
      if (Number(value) === -1) return ""
      return known[Number(value)] ?? wrong(`one of ${known.length} labels in field ${JSON.stringify(column)}`, value)
    }
    if (typeof value === "number") return Number.isNaN(value) ? "" : String(value)
    return typeof value === "string" || typeof value === "boolean" || typeof value === "bigint"
      ? String(value)
      : undefined
  }
  const list = (column: string, value: unknown): ReadonlyArray<string> => {
    const items = Array.isArray(value) ? value.map((item: unknown) => named(column, item)) : undefined
    return items?.every((item) => item !== undefined && item.trim() !== "") === true
      ? (items as ReadonlyArray<string>)
      : wrong(`a list of non-empty strings in field ${JSON.stringify(column)}`, value)
  }
  const number = (column: string, value: unknown): number | undefined => {
    const found = typeof value === "bigint" ? Number(value) : value
    if (typeof found === "number" && Number.isFinite(found)) return found
    const advice = Number.isNaN(found) ? "Leave the field empty where there is none." : ""
    return wrong(`a number in field ${JSON.stringify(column)}`, value, advice)
  }
  const present = <A>(pairs: Pairs, read: (column: string, value: unknown) => A | undefined) => {
    // Of most tables there is one: an object is made of it without a list of pairs.
    if (pairs.length === 1) {
      const [task, column] = pairs[0]!
      const value = fields[column] ?? undefined
      const made = value === undefined ? undefined : read(column, value)
      return made === undefined ? {} : { [task]: made }
    }
    const found: Array<readonly [task: string, value: A]> = []
    for (const [task, column] of pairs) {
      const value = fields[column] ?? undefined
      const made = value === undefined ? undefined : read(column, value)
      if (made !== undefined) found.push([task, made])
    }
    return Object.fromEntries(found)
  }

  const { text, pair, negative, tokens, id, labels, tags, labelSets, scores, kept } = columns
  const label = (column: string, value: unknown) => scalar(column, value).trim() || undefined
  const plain = (column: string, value: unknown) => (value instanceof Date ? value.toISOString() : label(column, value))
  const sequence = (column: string, value: unknown) =>
    Array.isArray(value) && value.length === 0 ? undefined : list(column, value)
  const isPlain = [pair, tokens, ...labelSets, ...scores, ...kept].every((part) => part === undefined)
  const none = {}
  return (at, row) => {
    place = at
    fields = row
    // Most tables are of this form: one object is made of a row, not several.
    if (isPlain) {
      if (id === undefined) return { place, text: string(text!), labels: present(labels, label), tags: none }
      return {
        place,
        id: scalar(id, fields[id] ?? ""),
        text: string(text!),
        labels: present(labels, label),
        tags: none,
      }
    }
    const words = tokens === undefined ? undefined : list(tokens, fields[tokens] ?? [])
    return {
      place,
      ...(id !== undefined && { id: scalar(id, fields[id] ?? "") }),
      ...(words === undefined ? { text: string(text!) } : { tokens: words }),
      ...(pair !== undefined && { pair: string(pair) }),
      ...(negative !== undefined && { negative: string(negative) }),
      labels: present(labels, label),
      tags: tags.length === 0 ? {} : aligned(table, place, words?.length ?? 0, present(tags, sequence)),
      ...(labelSets.length > 0 && { labelSets: present(labelSets, list) }),
      ...(scores.length > 0 && { scores: present(scores, number) }),
      ...(kept.length > 0 && { kept: present(kept, plain) }),
    }
  }
}

/** Tags, one per token. */
const aligned = (
  table: Table,
  place: number,
  tokens: number,
  tags: Readonly<Record<string, ReadonlyArray<string>>>,
): Readonly<Record<string, ReadonlyArray<string>>> => {
  for (const [task, sequence] of Object.entries(tags)) {
    if (sequence.length === tokens) continue
    throw new InvalidData({
      where: Draft.at(table.source, table, place),
      expected: `a tag per token for task ${JSON.stringify(task)}`,
      got: `${tokens} tokens and ${sequence.length} tags`,
      advice: "",
    })
  }
  return tags
}

/** Fails on a column that no row has had: it is a misspelt one. */
export const requireSeen = (source: Source.Located, columns: Columns, seen: ReadonlySet<string>): void => {
  const missing = taskColumns(columns).find((name) => !seen.has(name))
  if (missing === undefined || seen.size === 0) return
  throw new InvalidData({
    where: source.written,
    expected: `rows with a field ${JSON.stringify(missing)}`,
    got: "none",
    advice: Problem.suggestion(missing, seen),
  })
}
