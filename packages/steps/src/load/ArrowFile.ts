/** Examples from Arrow IPC: the file format (Feather V2) and the stream format, told apart by their first bytes. */
import { open } from "node:fs/promises"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as RecordBatchFile from "@thaw/core/RecordBatchFile"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import * as Arrow from "apache-arrow"
import { Effect, Schema } from "effect"
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
  version: "1",
  input: {
    path: Source.files,
    ...Columns.ofLists,
    labelNames: Schema.optionalKey(Schema.Record(Schema.String, Schema.Array(Schema.String))),
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
  const reader = Arrow.RecordBatchReader.from(pieces(bytes)).open()
  return { schema: reader.schema as Arrow.Schema | undefined, batches: reader[Symbol.iterator]() }
}

/** Rows that a column of words or of lists has room for. */
const rowsIn = ({ valueOffsets, values }: Arrow.Data): number => {
  const offsets = valueOffsets as ArrayLike<unknown> | undefined
  if (offsets !== undefined) return offsets.length - 1
  return (values as ArrayLike<unknown> | undefined)?.length ?? Infinity
}

/** A stream, a MiB at a time. */
function* pieces(bytes: RecordBatchFile.Bytes): Generator<Uint8Array, void, void> {
  for (let from = 0; ; from += 2 ** 20) {
    const piece = bytes.read(from, from + 2 ** 20)
    if (piece.length === 0) return
    yield piece
  }
}

/** A list is a vector of its own. */
const valueOf = (value: unknown): unknown => (value instanceof Arrow.Vector ? [...(value as Iterable<unknown>)] : value)
