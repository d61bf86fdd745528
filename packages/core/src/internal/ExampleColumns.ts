/**
 * From examples to record batches, one after the other.
 *
 * A record batch is closed after 4096 rows or 4 MiB of text, whichever comes first, so where it ends follows from the
 * rows alone. Until all rows are seen a label is a number in the order of first occurrence; then the dictionary is sorted
 * and the numbers are exchanged. Where they become many they wait in a spill.
 */
import * as Arrow from "apache-arrow"
import type * as Cells from "../Cells.ts"
import type { Example, Tasks } from "../Dataset.ts"
import * as RecordBatchFile from "../RecordBatchFile.ts"
import { Codes } from "./Codes.ts"
import { type Column, copied, identities, lent, list, mostRows, numbers, optionalText, text } from "./GrowingColumns.ts"
import { Spill } from "./Spill.ts"

export const roleKey = "thaw.role"

const mostTextBytes = 4 * 2 ** 20
/** Bytes of record batches that wait in memory. */
const memoryBytes = 32 * 2 ** 20

/** Columns of tasks live under a prefix, so that a task may be called `text` or `id`. */
export const taskColumn = (task: string): string => `task.${task}`

/** And those of kept columns under another. */
export const keptColumn = (name: string): string => `kept.${name}`

/** A task may be called like something every object inherits. */
export const own = <A>(record: Readonly<Record<string, A>> | undefined, task: string): A | undefined =>
  record !== undefined && Object.hasOwn(record, task) ? record[task] : undefined

/** How the examples of one dataset say what they say. */
export type Form = "text" | "text and pair" | "text, pair and negative" | "tokens"

/** The form of examples that have these parts. */
export const formOf = ({ pair, negative, tokens }: Partial<Record<"pair" | "negative" | "tokens", unknown>>): Form => {
  if (tokens !== undefined) return "tokens"
  if (pair === undefined) return "text"
  return negative === undefined ? "text and pair" : "text, pair and negative"
}

interface Planned {
  readonly name: string
  readonly role: string
  readonly column: Column
  readonly codes?: Codes
}

const planned = (form: Form, tasks: Tasks, identity = identities()): ReadonlyArray<Planned> => [
  { name: "id", role: "id", column: identity.id },
  { name: "origin", role: "origin", column: identity.origin },
  ...(form === "tokens"
    ? [{ name: "tokens", role: "tokens", column: list((row) => row.tokens ?? []) }]
    : [
        {
          name: "text",
          role: "text",
          column: text(
            (row) => row.text ?? "",
            (rows) => rows.text,
          ),
        },
      ]),
  ...(form === "text and pair" || form === "text, pair and negative"
    ? [
        {
          name: "pair",
          role: "pair",
          column: text(
            (row) => row.pair ?? "",
            (rows) => rows.pair!,
          ),
        },
      ]
    : []),
  ...(form === "text, pair and negative"
    ? [
        {
          name: "negative",
          role: "negative",
          column: text(
            (row) => row.negative ?? "",
            (rows) => rows.negative!,
          ),
        },
      ]
    : []),
  ...tasks.labels.map((task) => {
    const codes = new Codes()
    const column = numbers(
      () => new Int32Array(mostRows),
      new Arrow.Int32(),
      (row) => codes.of(own(row.labels, task)),
      (rows) => codes.ofCells(rows.labels[task]!),
    )
    return { name: taskColumn(task), role: "label", codes, column }
  }),
  ...tasks.tags.map((task) => ({ name: taskColumn(task), role: "tags", column: list((row) => own(row.tags, task)) })),
  ...(tasks.labelSets ?? []).map((task) => ({
    name: taskColumn(task),
    role: "labels",
    column: list((row) => own(row.labelSets, task)),
  })),
  ...(tasks.scores ?? []).map((task) => ({
    name: taskColumn(task),
    role: "score",
    column: numbers(
      () => new Float64Array(mostRows),
      new Arrow.Float64(),
      (row) => own(row.scores, task),
      ({ scores }) =>
        (row) =>
          scores![task]![row]!,
    ),
  })),
  ...(tasks.kept ?? []).map((name) => ({
    name: keptColumn(name),
    role: "kept",
    column: optionalText(
      (row) => own(row.kept, name),
      ({ kept }) => kept![name]!,
    ),
  })),
]

export interface Collected {
  readonly schema: Arrow.Schema
  readonly size: number
  /** Re-iterable. */
  readonly recordBatches: Iterable<Arrow.RecordBatch>
}

/** Record batches of rows that are given one by one. Nothing may be added after `end`. */
export interface Collector {
  readonly add: (row: Example) => void
  /** Adds some of many rows, which have a text. */
  readonly addColumns: (rows: Cells.Columns, start: number, end: number) => void
  readonly end: () => Collected
}

/** What counts as text. */
const textsOf = ({ id, text, pair, negative, kept = {} }: Cells.Columns): ReadonlyArray<Cells.Cells> => [
  id,
  // The origin's.
  id,
  text,
  ...(pair === undefined ? [] : [pair]),
  ...(negative === undefined ? [] : [negative]),
  ...Object.values(kept),
]

export const collector = (form: Form, tasks: Tasks): Collector => {
  const columns = planned(form, tasks)
  const draft = new Arrow.Schema(columns.map(({ name, column }) => new Arrow.Field(name, column.take(lent).type, true)))
  let size = 0
  let rows = 0
  let bytes = 0
  let held: Array<Arrow.RecordBatch> = []
  let spill: Spill | undefined
  const spilled: Array<{ from: number; to: number; rows: number }> = []
  const writer = RecordBatchFile.messages(draft)
  const append = (to: Spill, batch: Arrow.RecordBatch): void => {
    const from = to.sizeBytes
    to.append(writer(batch))
    spilled.push({ from, to: to.sizeBytes, rows: batch.numRows })
  }
  const close = () => {
    const children = columns.map(({ column }) => column.take(spill === undefined ? copied : lent))
    const struct = Arrow.makeData({ type: new Arrow.Struct(draft.fields), length: rows, nullCount: 0, children })
    const batch = new Arrow.RecordBatch(draft, struct)
    rows = 0
    if (spill !== undefined) return append(spill, batch)
    held.push(batch)
    bytes += children.reduce((sum, each) => sum + each.byteLength, 0)
    if (bytes < memoryBytes) return
    spill = new Spill()
    for (const each of held) append(spill, each)
    held = []
  }
  return {
    add: (row) => {
      let textBytes = 0
      for (const { column } of columns) {
        column.add(row)
        textBytes += column.bytes()
      }
      size++
      rows++
      if (rows === mostRows || textBytes >= mostTextBytes) close()
    },
    addColumns: (given, start, end) => {
      const texts = textsOf(given)
      for (let from = start; from < end;) {
        let textBytes = 0
        for (const { column } of columns) textBytes += column.bytes()
        let to = from
        while (to < end && rows < mostRows && textBytes < mostTextBytes) {
          for (const cells of texts) textBytes += cells.to[to]! - cells.from[to]!
          rows++
          to++
        }
        for (const { column } of columns) column.addColumns(given, from, to)
        size += to - from
        if (rows === mostRows || textBytes >= mostTextBytes) close()
        from = to
      }
    },
    end: () => {
      if (rows > 0 || size === 0) close()
      const { schema, finished } = final(columns, draft)
      const last = held.map(finished)
      const waiting = spill
      const index = { schema: draft, dictionaries: 0, start: 0, recordBatches: spilled }
      if (waiting === undefined) return { schema, size, recordBatches: last }
      return {
        schema,
        size,
        recordBatches: {
          *[Symbol.iterator]() {
            for (const batch of RecordBatchFile.recordBatches(waiting, index)) yield finished(batch)
            yield* last
          },
        },
      }
    },
  }
}

/** The schema with dictionaries, and a record batch with numbers made one with places in them. */
const final = (columns: ReadonlyArray<Planned>, draft: Arrow.Schema) => {
  const labels = columns.map(({ codes }) => codes?.sorted())
  let dictionaries = 0
  const fields = columns.map(({ name, role, codes }, at) => {
    const type =
      codes === undefined
        ? draft.fields[at]!.type
        : new Arrow.Dictionary(new Arrow.Utf8(), new Arrow.Int32(), dictionaries++)
    return new Arrow.Field(name, type, true, new Map([[roleKey, role]]))
  })
  const schema = new Arrow.Schema(fields)
  const finished = (batch: Arrow.RecordBatch): Arrow.RecordBatch => {
    const children = batch.data.children.map((data, at) => {
      const sorted = labels[at]
      if (sorted === undefined) return data
      const { nullBitmap } = data
      const hasNulls = data.nullCount > 0
      const values = (data.values as Int32Array).map((code, row) =>
        hasNulls && (nullBitmap[row >> 3]! & (1 << (row & 7))) === 0 ? 0 : sorted.places[code]!,
      )
      return Arrow.makeData({
        type: fields[at]!.type as Arrow.Dictionary,
        length: data.length,
        nullCount: data.nullCount,
        nullBitmap: hasNulls ? nullBitmap : undefined,
        data: values,
        dictionary: sorted.labels,
      })
    })
    const type = new Arrow.Struct(fields)
    return new Arrow.RecordBatch(schema, Arrow.makeData({ type, length: batch.numRows, nullCount: 0, children }))
  }
  return { schema, finished }
}
