/** Examples from Arrow IPC: the file format (Feather V2) and the stream format, told apart by their first bytes. */
import { open } from "node:fs/promises"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
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
  const decoded = async <A>(attempt: () => Promise<A>): Promise<A> => {
    try {
      return await attempt()
    } catch (cause) {
      throw broken(
        `what cannot be decoded (${(cause instanceof Error ? cause.message : String(cause)).split("\n")[0]})`,
      )
    }
  }
  const handle = await open(source.path).catch((cause: unknown) => {
    throw SourceText.unreadable(source, cause)
  })
  try {
    if (!(await handle.stat()).isFile()) throw SourceText.unreadable(source, { code: "EISDIR" })
    const reader = await decoded(async () => (await Arrow.RecordBatchReader.from(handle)).open())
    // The library reads other bytes as a stream without a schema.
    const known = (reader.schema as Arrow.Schema | undefined)?.fields.map(({ name }) => name)
    if (known === undefined) throw broken("other bytes")
    Parquet.requireColumns(source, columns, known)
    const table = { source, unit: "row", labelNames } as const
    const read = Columns.reader(columns, table)
    const wanted = Columns.all(columns)
    let place = 0
    while (true) {
      const next = await decoded(async () => await reader.next())
      if (next.done === true) return
      const batch = next.value as Arrow.RecordBatch
      const vectors = wanted.map((name) => [name, batch.getChild(name)] as const)
      for (let from = 0; from < batch.numRows; from += Draft.atOnce) {
        const drafts: Array<Draft.Draft> = []
        for (let row = from; row < Math.min(batch.numRows, from + Draft.atOnce); row++) {
          const fields: Record<string, unknown> = Object.create(null)
          for (const [name, vector] of vectors) fields[name] = valueOf(vector?.get(row))
          drafts.push(read(++place, fields))
        }
        yield drafts
      }
    }
  } finally {
    await handle.close().catch(() => undefined)
  }
}

/** A list is a vector of its own. */
const valueOf = (value: unknown): unknown => (value instanceof Arrow.Vector ? [...(value as Iterable<unknown>)] : value)
