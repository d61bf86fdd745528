/**
 * Examples from Parquet files, a row group at a time.
 *
 * Numbers of labels become their names where the file says them in the metadata that Hugging Face's `datasets` writes,
 * or where the author does; −1 is a label that nobody knows.
 */
import { open } from "node:fs/promises"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, SourceUnreadable } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as Hyparquet from "hyparquet"
import { compressors } from "hyparquet-compressors"
import * as Columns from "./Columns.ts"
import * as Draft from "./Draft.ts"
import * as SourceText from "./SourceText.ts"

/**
 * `Load.parquet({ path: "./data/train-*.parquet", text: "text", label: "label" })`. Options as for `Load.jsonl`;
 * `labelNames: { label: ["no", "yes"] }` names the labels of a column with numbers, by column.
 *
 * Fails with `SourceUnreadable` when a file cannot be read, with `InvalidData` naming the row otherwise.
 */
export const parquet = Step.make({
  name: "Load.parquet",
  version: "2",
  input: {
    path: Source.files,
    ...Columns.ofTypes,
  },
  output: Dataset.Examples,
  run: Effect.fnUntraced(function* ({ path, labelNames = {}, ...given }) {
    const columns = yield* Columns.of("Load.parquet", given)
    return yield* Draft.examples(path, format(columns, labelNames), Columns.tasksOf(columns))
  }),
})

/** How files are read whose columns say this. Names given here go before those in a file's metadata. */
export const format = (columns: Columns.Columns, labelNames: Columns.LabelNames): Draft.Format => ({
  unit: "row",
  read: (source) => drafts(source, columns, labelNames),
})

async function* drafts(
  source: Source.Located,
  columns: Columns.Columns,
  given: Columns.LabelNames,
): AsyncGenerator<ReadonlyArray<Draft.Draft>, void, void> {
  const unreadable = (cause: unknown): never => {
    throw SourceText.unreadable(source, cause)
  }
  const handle = await open(source.path).catch(unreadable)
  try {
    const { size: byteLength } = await handle.stat()
    const sliced = async (start: number, end: number): Promise<ArrayBuffer> => {
      if (!(start >= 0 && start <= end && end <= byteLength)) throw new Error("a part outside of the file")
      const bytes = Buffer.allocUnsafeSlow(end - start)
      await handle.read(bytes, 0, end - start, start).catch(unreadable)
      return bytes.buffer
    }
    const file: Hyparquet.AsyncBuffer = {
      byteLength,
      slice: (start, end = byteLength) => {
        const read = sliced(start, end)
        // The library asks for several parts at once and, when one fails, forgets the others.
        read.catch(() => undefined)
        return read
      },
    }
    const metadata = await decoded(source, "a Parquet file", () => Hyparquet.parquetMetadataAsync(file))
    const schema = Hyparquet.parquetSchema(metadata)
    requireColumns(
      source,
      columns,
      schema.children.map(({ element }) => element.name),
    )
    const table = { source, unit: "row", labelNames: { ...labelNamesOf(metadata), ...given } } as const
    const read = Columns.reader(columns, table)
    let rowStart = 0
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = rowStart + Number(num_rows)
      const rows = await decoded(source, `rows ${rowStart + 1} to ${rowEnd}`, () =>
        Hyparquet.parquetReadObjects({
          file,
          metadata,
          compressors,
          columns: [...Columns.all(columns)],
          rowStart,
          rowEnd,
        }),
      )
      for (let from = 0; from < rows.length; from += Draft.atOnce) {
        const first = rowStart + from + 1
        yield rows.slice(from, from + Draft.atOnce).map((row, at) => read(first + at, row))
      }
      rowStart = rowEnd
    }
  } finally {
    await handle.close()
  }
}

/** What the library makes of the file, or what it says is wrong. */
const decoded = async <A>(source: Source.Located, expected: string, attempt: () => Promise<A>): Promise<A> => {
  try {
    return await attempt()
  } catch (cause) {
    if (cause instanceof SourceUnreadable) throw cause
    throw new InvalidData({
      where: source.written,
      expected,
      got: `what cannot be decoded (${(cause instanceof Error ? cause.message : String(cause)).split("\n")[0]})`,
      advice: "The file may be cut off; get it again.",
    })
  }
}

/** Fails where the table lacks a column. */
export const requireColumns = (
  source: Source.Located,
  columns: Columns.Columns,
  known: ReadonlyArray<string>,
): void => {
  const missing = Columns.all(columns).find((name) => !known.includes(name))
  if (missing === undefined) return
  throw new InvalidData({
    where: source.written,
    expected: `a column ${JSON.stringify(missing)}`,
    got: `the columns ${Problem.list(known)}`,
    advice: Problem.suggestion(missing, known),
  })
}

const ClassLabel = Schema.Struct({ _type: Schema.Literal("ClassLabel"), names: Schema.Array(Schema.String) })
const Info = Schema.fromJsonString(
  Schema.Struct({ info: Schema.Struct({ features: Schema.Record(Schema.String, Schema.Json) }) }),
)
const isClassLabel = Schema.is(ClassLabel)

/** Label names by column, of labels and of lists of them. */
const labelNamesOf = ({ key_value_metadata: entries = [] }: Hyparquet.FileMetaData): Columns.LabelNames => {
  const written = entries.find(({ key }) => key === "huggingface")?.value
  const info = Schema.decodeUnknownOption(Info)(written)
  if (info._tag === "None") return {}
  return Object.fromEntries(
    Object.entries(info.value.info.features).flatMap(([column, feature]) => {
      const inner = (feature as { readonly feature?: unknown } | null)?.feature
      const found = isClassLabel(feature) ? feature : isClassLabel(inner) ? inner : undefined
      return found === undefined ? [] : [[column, found.names]]
    }),
  )
}
