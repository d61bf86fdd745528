/** Examples from Arrow IPC: the file format (Feather V2) and the stream format, told apart by their first bytes. */
import { open } from "node:fs/promises"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as RecordBatchFile from "@thaw/core/RecordBatchFile"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import * as Arrow from "apache-arrow"
import { Effect } from "effect"
import * as Columns from "./Columns.ts"
import * as Draft from "./Draft.ts"
import * as Parquet from "./Parquet.ts"
import * as SourceText from "./SourceText.ts"

/**
 * `Load.arrow({ path: "./data/train.arrow", text: "text", label: "label" })`, a record batch at a time. Options as for
 * `Load.parquet`. Compressed record batches are refused.
 *
 * Fails with `SourceUnreadable` when a file cannot be read, with `InvalidData` naming the row otherwise.
 */
export const arrow = Step.make({
  name: "Load.arrow",
  version: "2",
  input: {
    path: Source.files,
    ...Columns.ofTypes,
  },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* ({ path, labelNames = {}, ...given }) {
    const columns = yield* Columns.of("Load.arrow", given)
    const format: Draft.Format = { unit: "row", read: (source) => draftsOf(source, columns, labelNames) }
    return yield* Draft.examples(path, format, Columns.tasksOf(columns))
  }),
})

async function* draftsOf(
  source: Source.Located,
  columns: Columns.Columns,
  labelNames: Columns.LabelNames,
): AsyncGenerator<ReadonlyArray<Draft.Draft>, void, void> {
  const broken = (got: string) =>
    new InvalidData({
      where: source.written,
      expected: "an Arrow IPC file or stream",
      got,
      advice: "The file may be cut off; get it again.",
    })
  const failed = (cause: unknown): never => {
    if (cause instanceof RecordBatchFile.Compressed) {
      throw new InvalidData({
        where: source.written,
        expected: "record batches without compression",
        got: `such with ${cause.message}`,
        advice: "Write the file anew without compression, or as Parquet.",
      })
    }
    throw broken(`what cannot be decoded (${(cause instanceof Error ? cause.message : String(cause)).split("\n")[0]})`)
  }
  const handle = await open(source.path).catch((cause: unknown) => {
    throw SourceText.unreadable(source, cause)
  })
  try {
    const found = await handle.stat()
    if (!found.isFile()) throw SourceText.unreadable(source, { code: "EISDIR" })
    const attempt = <A>(decode: () => A): A => {
      try {
        return decode()
      } catch (cause) {
        return failed(cause)
      }
    }
    const { schema, batches } = attempt(() => opened(handle.fd, found.size))
    // The library reads other bytes as a stream without a schema, and a damaged name as none.
    const known = schema?.fields.map(({ name }) => name)
    if (known?.every((name) => typeof name === "string") !== true) throw broken("other bytes")
    Parquet.requireColumns(source, columns, known)
    const table = { source, unit: "row", labelNames } as const
    const read = Columns.reader(columns, table)
    const wanted = Columns.all(columns)
    let place = 0
    while (true) {
      const next = attempt(() => batches.next())
      if (next.done === true) return
      const batch = next.value
      const vectors = wanted.map((name) => [name, batch.getChild(name)] as const)
      const words = batch.getChild(columns.text ?? columns.tokens!)?.data[0]
      // Its length is a number of its own in the file, which may be damaged.
      if (words !== undefined && batch.numRows > rowsIn(words)) throw broken("a record batch without all of its rows")
      attempt(() => {
        for (const [, vector] of vectors) for (const data of vector?.data ?? []) checkLists(data)
      })
      for (let from = 0; from < batch.numRows; from += Draft.atOnce) {
        const drafts: Array<Draft.Draft> = []
        for (let row = from; row < Math.min(batch.numRows, from + Draft.atOnce); row++) {
          const fields: Record<string, unknown> = Object.create(null)
          attempt(() => {
            for (const [name, vector] of vectors) fields[name] = valueOf(vector?.get(row))
          })
          drafts.push(read(++place, fields))
        }
        yield drafts
      }
    }
  } finally {
    await handle.close().catch(() => undefined)
  }
}

/** The library's readers for files that are not at hand in whole never end where bytes are damaged: these are not they. */
const opened = (descriptor: number, sizeBytes: number) => {
  const bytes = RecordBatchFile.ofHandle(descriptor)
  if (new TextDecoder("latin1").decode(bytes.read(0, 6)) === "ARROW1") {
    const index = RecordBatchFile.indexOf(bytes, sizeBytes)
    return { schema: index.schema, batches: RecordBatchFile.recordBatches(bytes, index) }
  }
  const reader = Arrow.RecordBatchReader.from(RecordBatchFile.streamed(bytes, sizeBytes)).open()
  return { schema: reader.schema as Arrow.Schema | undefined, batches: reader[Symbol.iterator]() }
}

/** Rows that a column has bytes for. */
const rowsIn = ({ typeId, valueOffsets, values, children, stride }: Arrow.Data): number => {
  const offsets = valueOffsets as ArrayLike<unknown> | undefined
  if (offsets !== undefined) return offsets.length - 1
  if (typeId === Arrow.Type.Struct) return Math.min(...children.map(rowsIn))
  if (typeId === Arrow.Type.FixedSizeList) return Math.floor(rowsIn(children[0]!) / stride)
  const items = (values as ArrayLike<unknown> | undefined)?.length ?? Infinity
  return typeId === Arrow.Type.Bool ? 8 * items : items
}

/** Throws where the numbers that say how long lists are lead out of their items, or back to items of an earlier list. */
const checkLists = (data: Arrow.Data): void => {
  const { length, typeId, children, dictionary } = data
  const isList = typeId === Arrow.Type.List || typeId === Arrow.Type.Map
  if (isList || typeId === Arrow.Type.FixedSizeList) {
    if (length > Math.max(0, rowsIn(data))) throw new Error("lists that are not there")
    const offsets = data.valueOffsets as Int32Array
    for (let row = 0; row < (isList ? length : 0); row++) {
      if (!(offsets[row]! >= 0 && offsets[row]! <= offsets[row + 1]!)) throw new Error("lists that overlap")
    }
    const items = isList ? (offsets[length] ?? 0) : length * data.stride
    // What is nothing but nulls has no bytes: a list may say that it has any number of them.
    const room = children[0]!.typeId === Arrow.Type.Null ? 0 : rowsIn(children[0]!)
    if (items > Math.min(children[0]!.length, room)) throw new Error("lists without their items")
  }
  for (const child of [...children, ...(dictionary?.data ?? [])]) checkLists(child)
}

/** A list is a vector of its own. */
const valueOf = (value: unknown): unknown => (value instanceof Arrow.Vector ? [...(value as Iterable<unknown>)] : value)
