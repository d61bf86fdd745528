/**
 * One chunk of the boundary cache as an Arrow IPC file with one record batch:
 *
 * ```
 * row           Int32                                 0, 1, … of the chunk's rows
 * cls, mean     FixedSizeList<Float>[hidden]          a vector a row
 * hidden        List<FixedSizeList<Float>[hidden]>    a vector for each of the row's own tokens, no padding
 * ```
 *
 * The numbers of a column lie in one piece, so a row is read from its place in the file and nothing else is.
 */
import * as Boundary from "@thaw/models/Boundary"
import * as Arrow from "apache-arrow"
import { precisions } from "./BoundaryPrecision.ts"
import type { Layout } from "./BoundaryRows.ts"

/** Numbers of a chunk: reading → all its rows' vectors, one after the other. */
export type Vectors = Readonly<Partial<Record<Boundary.Form[number], Float32Array>>>

/** Where in the file a column's numbers begin, by reading. */
export type Offsets = Readonly<Partial<Record<Boundary.Form[number], number>>>

const numbers = (name: string) => new Arrow.Field(name, new Arrow.Int32(), false)

const vectorType = ({ hidden, precision }: Layout) =>
  new Arrow.FixedSizeList(hidden, new Arrow.Field("item", precisions[precision].type(), false))

/**
 * @param first index of the chunk's first row
 * @param lengths tokens of each row
 */
export const encode = (layout: Layout, first: number, lengths: ReadonlyArray<number>, vectors: Vectors): Uint8Array => {
  const columns = layout.form.map((reading) => {
    const packed = precisions[layout.precision].pack(vectors[reading]!)
    const vector = vectorType(layout)
    const list = Arrow.makeData({
      type: vector,
      length: packed.length / layout.hidden,
      nullCount: 0,
      child: Arrow.makeData({ type: vector.children[0]!.type, length: packed.length, nullCount: 0, data: packed }),
    })
    const name = Boundary.nameOf[reading]
    if (reading !== "tokens") return { field: new Arrow.Field(name, vector, false), data: list }
    const type = new Arrow.List(new Arrow.Field("item", vector, false))
    const data = Arrow.makeData({
      type,
      length: lengths.length,
      nullCount: 0,
      valueOffsets: Int32Array.from(startsOf(lengths)),
      child: list,
    })
    return { field: new Arrow.Field(name, type, false), data }
  })
  const rows = Int32Array.from(lengths, (_, at) => first + at)
  const fields = [numbers("row"), ...columns.map(({ field }) => field as Arrow.Field)]
  const struct = Arrow.makeData({
    type: new Arrow.Struct(fields),
    length: lengths.length,
    nullCount: 0,
    children: [
      Arrow.makeData({ type: new Arrow.Int32(), length: rows.length, nullCount: 0, data: rows }),
      ...columns.map(({ data }) => data as Arrow.Data),
    ],
  })
  const schema = new Arrow.Schema(fields)
  return Arrow.tableToIPC(new Arrow.Table(schema, new Arrow.RecordBatch(schema, struct)), "file")
}

/** Where each row's vectors start, in vectors, and where the last one's end. */
export const startsOf = (lengths: ReadonlyArray<number>): ReadonlyArray<number> => {
  const starts = [0]
  for (const length of lengths) starts.push(starts.at(-1)! + length)
  return starts
}

/** Where a file's numbers lie; throws where it is no such file. */
export const offsetsOf = (content: Uint8Array, { form }: Layout): Offsets => {
  const table = Arrow.tableFromIPC(content)
  return Object.fromEntries(
    form.map((reading) => {
      let data: Arrow.Data | undefined = table.getChild(Boundary.nameOf[reading])?.data[0]
      while (data !== undefined && data.children.length > 0) data = data.children[0]
      const values = data?.values as Uint8Array | undefined
      // Read without a copy, or the place says nothing.
      if (values?.buffer !== content.buffer) throw new RangeError(`no column of ${reading} in one piece`)
      return [reading, values.byteOffset - content.byteOffset]
    }),
  )
}
