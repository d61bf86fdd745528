/**
 * From examples to record batches, one after the other.
 *
 * A record batch is closed after 4096 rows or 4 MiB of text, whichever comes first, so where it ends follows from the
 * rows alone. Until all rows are seen a label is a number in the order of first occurrence; then the dictionary is sorted
 * and the numbers are exchanged. What does not fit in memory waits in a spill.
 */
import * as Arrow from "apache-arrow"
import type { Example, Tasks } from "../Dataset.ts"
import * as RecordBatchFile from "../RecordBatchFile.ts"
import { Spill } from "./Spill.ts"

export const roleKey = "thaw.role"

const mostRows = 4096
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

/** Values of one column of one record batch. */
interface Column {
  readonly add: (row: Example) => void
  /** What it holds, which it then no longer does. */
  readonly take: () => Arrow.Data
  /** Bytes of text in it. */
  readonly bytes: () => number
}

const grown = <A extends Uint8Array | Int32Array | Float64Array>(array: A, needed: number): A => {
  if (needed <= array.length) return array
  const larger = new (array.constructor as new (length: number) => A)(Math.max(needed, 2 * array.length))
  larger.set(array)
  return larger
}

/** Strings, one after the other. */
interface Strings {
  readonly add: (text: string) => void
  /** Adds the first `count` of others. */
  readonly addAll: (others: Strings, count: number) => void
  readonly at: (place: number) => string
  readonly bytes: () => number
  readonly length: () => number
  readonly take: () => Arrow.Data<Arrow.Utf8>
}

const strings = (): Strings => {
  let data = Buffer.alloc(1 << 12)
  let offsets = new Int32Array(mostRows + 1)
  let length = 0
  const add = (text: string): void => {
    const from = offsets[length]!
    // A UTF-16 unit is at most three bytes of UTF-8.
    if (from + 3 * text.length > data.length) {
      const larger = Buffer.alloc(Math.max(2 * data.length, from + 3 * text.length))
      larger.set(data)
      data = larger
    }
    if (length + 2 > offsets.length) offsets = grown(offsets, length + 2)
    offsets[++length] = from + data.write(text, from, "utf8")
  }
  return {
    add,
    addAll: (others, count) => {
      for (let place = 0; place < count; place++) add(others.at(place))
    },
    at: (place) => data.toString("utf8", offsets[place], offsets[place + 1]),
    bytes: () => offsets[length]!,
    length: () => length,
    take: () => {
      const taken = Arrow.makeData({
        type: new Arrow.Utf8(),
        length,
        nullCount: 0,
        valueOffsets: offsets.slice(0, length + 1),
        data: Uint8Array.prototype.slice.call(data, 0, offsets[length]),
      })
      length = 0
      return taken
    },
  }
}

/** Which rows have a value; as Arrow has it, a bit a row, lowest first, in multiples of 8 bytes. */
const presence = () => {
  let bits = new Uint8Array(mostRows / 8)
  let length = 0
  let nullCount = 0
  return {
    add: (present: boolean) => {
      bits = grown(bits, (length >> 3) + 1)
      if (present) bits[length >> 3]! |= 1 << (length & 7)
      else nullCount++
      length++
    },
    take: () => {
      const nullBitmap = nullCount === 0 ? undefined : bits.slice(0, Math.ceil(length / 64) * 8)
      const taken = { length, nullCount, nullBitmap }
      bits = new Uint8Array(mostRows / 8)
      length = 0
      nullCount = 0
      return taken
    },
  }
}

const text = (of: (row: Example) => string): Column => {
  const values = strings()
  return { add: (row) => values.add(of(row)), take: values.take, bytes: values.bytes }
}

/** Ids, and the ids of origins: as long as all are the examples' own, these are the same buffers. */
const identities = (): { readonly id: Column; readonly origin: Column } => {
  const ids = strings()
  const origins = strings()
  let areOwn = true
  let taken: Arrow.Data | undefined
  return {
    id: {
      add: (row) => ids.add(row.id),
      take: () => (taken = ids.take()),
      bytes: ids.bytes,
    },
    // Of a row, and when columns are taken, its turn comes after the ids'.
    origin: {
      add: ({ id, origin }) => {
        if (areOwn) {
          if (origin === id) return
          origins.addAll(ids, ids.length() - 1)
          areOwn = false
        }
        origins.add(origin)
      },
      take: () => {
        if (areOwn && taken !== undefined) return taken
        areOwn = true
        return origins.take()
      },
      bytes: () => (areOwn ? ids : origins).bytes(),
    },
  }
}

const optionalText = (of: (row: Example) => string | undefined): Column => {
  const values = strings()
  const present = presence()
  return {
    add: (row) => {
      const value = of(row)
      present.add(value !== undefined)
      values.add(value ?? "")
    },
    take: () => {
      const { nullCount, nullBitmap } = present.take()
      const { type, length, valueOffsets, values: data } = values.take()
      return Arrow.makeData({ type, length, nullCount, nullBitmap, valueOffsets, data })
    },
    bytes: values.bytes,
  }
}

export const listType = new Arrow.List(new Arrow.Field("item", new Arrow.Utf8()))

const list = (of: (row: Example) => ReadonlyArray<string> | undefined): Column => {
  const values = strings()
  const present = presence()
  let offsets: Array<number> = [0]
  return {
    add: (row) => {
      const items = of(row)
      present.add(items !== undefined)
      for (const item of items ?? []) values.add(item)
      offsets.push(values.length())
    },
    take: () => {
      const taken = Arrow.makeData({
        type: listType,
        ...present.take(),
        valueOffsets: Int32Array.from(offsets),
        child: values.take(),
      })
      offsets = [0]
      return taken
    },
    bytes: values.bytes,
  }
}

const numbers = (
  empty: () => Int32Array | Float64Array,
  type: Arrow.Int32 | Arrow.Float64,
  of: (row: Example) => number | undefined,
): Column => {
  const present = presence()
  let values = empty()
  let length = 0
  return {
    add: (row) => {
      const value = of(row)
      present.add(value !== undefined)
      values = grown(values, length + 1)
      values[length++] = value ?? 0
    },
    take: () => {
      const taken = Arrow.makeData({
        // The array is the type's own: `makeData` has an overload for each of the two and none for both.
        type: type as Arrow.Int32,
        data: values.slice(0, length) as Int32Array,
        ...present.take(),
      })
      length = 0
      return taken
    },
    bytes: () => 0,
  }
}

/** Numbers for labels, in the order in which they occur. */
class Codes {
  private readonly codes = new Map<string, number>()
  of(label: string | undefined): number | undefined {
    if (label === undefined) return undefined
    const known = this.codes.get(label)
    if (known !== undefined) return known
    this.codes.set(label, this.codes.size)
    return this.codes.size - 1
  }
  /** Labels in the order of their code units, and the place among them of every number. */
  sorted(): { readonly labels: Arrow.Vector<Arrow.Utf8>; readonly places: Int32Array } {
    const labels = [...this.codes.keys()].sort()
    const places = new Int32Array(labels.length)
    labels.forEach((label, place) => (places[this.codes.get(label)!] = place))
    return { labels: Arrow.vectorFromArray(labels, new Arrow.Utf8()), places }
  }
}

/** How the examples of one dataset say what they say. */
export type Form = "text" | "text and pair" | "tokens"

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
    : [{ name: "text", role: "text", column: text((row) => row.text ?? "") }]),
  ...(form === "text and pair" ? [{ name: "pair", role: "pair", column: text((row) => row.pair ?? "") }] : []),
  ...tasks.labels.map((task) => {
    const codes = new Codes()
    const column = numbers(
      () => new Int32Array(mostRows),
      new Arrow.Int32(),
      (row) => codes.of(own(row.labels, task)),
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
    ),
  })),
  ...(tasks.kept ?? []).map((name) => ({
    name: keptColumn(name),
    role: "kept",
    column: optionalText((row) => own(row.kept, name)),
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
  readonly end: () => Collected
}

export const collector = (form: Form, tasks: Tasks): Collector => {
  const columns = planned(form, tasks)
  const draft = new Arrow.Schema(columns.map(({ name, column }) => new Arrow.Field(name, column.take().type, true)))
  let size = 0
  let rows = 0
  let bytes = 0
  let held: Array<Arrow.RecordBatch> = []
  let spill: Spill | undefined
  const spilled: Array<{ from: number; to: number; rows: number }> = []
  let position = 0
  const writer = RecordBatchFile.messages(draft)
  const append = (chunk: Uint8Array): void => {
    spill ??= new Spill()
    spill.append(chunk)
    position += chunk.length
  }
  const close = () => {
    const children = columns.map(({ column }) => column.take())
    const struct = Arrow.makeData({ type: new Arrow.Struct(draft.fields), length: rows, nullCount: 0, children })
    held.push(new Arrow.RecordBatch(draft, struct))
    bytes += children.reduce((sum, each) => sum + each.byteLength, 0)
    rows = 0
    if (bytes < memoryBytes) return
    for (const batch of held) {
      const from = position
      append(writer(batch))
      spilled.push({ from, to: position, rows: batch.numRows })
    }
    held = []
    bytes = 0
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
