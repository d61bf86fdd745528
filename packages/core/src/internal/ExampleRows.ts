/** From record batches back to examples. */
import type * as Arrow from "apache-arrow"
import type { Example, Tasks } from "../Dataset.ts"
import { keptColumn, taskColumn } from "./ExampleColumns.ts"

/** The value of a row; undefined where there is none. */
type Reader<A> = (row: number) => A | undefined

const isPresent = ({ nullCount, nullBitmap, offset }: Arrow.Data): ((row: number) => boolean) =>
  nullCount === 0 ? () => true : (row) => (nullBitmap[(row + offset) >> 3]! & (1 << ((row + offset) & 7))) !== 0

/** Arrow's own decoder takes a byte-order mark at the start of a text away. */
const strings = (data: Arrow.Data): ((at: number) => string) => {
  const { valueOffsets, values } = data as Arrow.Data<Arrow.Utf8>
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
  return (at) => bytes.toString("utf8", valueOffsets[at], valueOffsets[at + 1])
}

const lists = (data: Arrow.Data): Reader<ReadonlyArray<string>> => {
  const present = isPresent(data)
  const { valueOffsets, children } = data as Arrow.Data<Arrow.List>
  const string = strings(children[0]!)
  return (row) => {
    if (!present(row)) return undefined
    const from = valueOffsets[row]!
    return Array.from({ length: valueOffsets[row + 1]! - from }, (_, at) => string(from + at))
  }
}

const optionalStrings = (data: Arrow.Data): Reader<string> => {
  const present = isPresent(data)
  const string = strings(data)
  return (row) => (present(row) ? string(row) : undefined)
}

const numbers = (data: Arrow.Data): Reader<number> => {
  const present = isPresent(data)
  const values = data.values as Float64Array
  return (row) => (present(row) ? values[row]! : undefined)
}

/** Strings of a dictionary, decoded once for all record batches that share it. */
const dictionaries = new WeakMap<object, ReadonlyArray<string>>()

export const dictionaryOf = (vector: Arrow.Vector): ReadonlyArray<string> => {
  const known = dictionaries.get(vector)
  if (known !== undefined) return known
  const labels = vector.data.flatMap((data) => Array.from({ length: data.length }, (_, at) => strings(data)(at)))
  dictionaries.set(vector, labels)
  return labels
}

const labelled = (data: Arrow.Data): Reader<string> => {
  const present = isPresent(data)
  const codes = data.values as Int32Array
  const labels = dictionaryOf(data.dictionary!)
  return (row) => (present(row) ? labels[codes[row]!] : undefined)
}

/** Values of the tasks that have one. */
const byTask = <A>(
  tasks: ReadonlyArray<string> | undefined,
  read: (task: string) => Reader<A>,
): ((row: number) => Readonly<Record<string, A>>) => {
  const readers = (tasks ?? []).map((task) => [task, read(task)] as const)
  return (row) => {
    const found: Array<readonly [string, A]> = []
    for (const [task, of] of readers) {
      const value = of(row)
      if (value !== undefined) found.push([task, value])
    }
    return Object.fromEntries(found)
  }
}

/** The examples of a record batch. */
export function* rows(batch: Arrow.RecordBatch, tasks: Tasks): Generator<Example, void, void> {
  const places = new Map(batch.schema.fields.map(({ name }, at) => [name, at]))
  const column = (name: string) => {
    const at = places.get(name)
    return at === undefined ? undefined : batch.data.children[at]!
  }
  const optional = <A>(name: string, read: (data: Arrow.Data) => A): A | undefined => {
    const data = column(name)
    return data && read(data)
  }
  const ofTask =
    <A>(read: (data: Arrow.Data) => Reader<A>) =>
    (task: string) =>
      read(column(taskColumn(task))!)
  const id = strings(column("id")!)
  const origin = strings(column("origin")!)
  const text = optional("text", strings)
  const pair = optional("pair", strings)
  const negative = optional("negative", strings)
  const tokens = optional("tokens", lists)
  const labels = byTask(tasks.labels, ofTask(labelled))
  const tags = byTask(tasks.tags, ofTask(lists))
  const labelSets = byTask(tasks.labelSets, ofTask(lists))
  const scores = byTask(tasks.scores, ofTask(numbers))
  const kept = byTask(tasks.kept, (name) => optionalStrings(column(keptColumn(name))!))
  for (let row = 0; row < batch.numRows; row++) {
    yield {
      id: id(row),
      origin: origin(row),
      ...(text && { text: text(row) }),
      ...(pair && { pair: pair(row) }),
      ...(negative && { negative: negative(row) }),
      ...(tokens && { tokens: tokens(row) ?? [] }),
      labels: labels(row),
      tags: tags(row),
      ...(tasks.labelSets && { labelSets: labelSets(row) }),
      ...(tasks.scores && { scores: scores(row) }),
      ...(tasks.kept && { kept: kept(row) }),
    }
  }
}
