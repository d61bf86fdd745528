/**
 * Columns of the record batch that is being made: values are added a row or a column of rows at a time into buffers that
 * grow, and taken all at once when the batch is closed.
 */
import * as Arrow from "apache-arrow"
import type * as Cells from "../Cells.ts"
import type { Example } from "../Dataset.ts"

/** Rows of a record batch at most: what buffers start with room for. */
export const mostRows = 4096

/** Values of one column of one record batch. */
export interface Column {
  readonly add: (row: Example) => void
  /** Adds some of many rows. Nothing here asks whether they have the column's form. */
  readonly addColumns: (rows: Cells.Columns, start: number, end: number) => void
  /** What it holds, which it then no longer does. */
  readonly take: (own: Own) => Arrow.Data
  /** Bytes of text in it. */
  readonly bytes: () => number
}

type Buffered = Uint8Array | Int32Array | Float64Array

/** What becomes of views of a column's buffers: a column that is taken is made of it. */
export type Own = <A extends Buffered>(view: A) => A

export const copied: Own = (view) => view.slice() as typeof view

/** The views themselves: who takes a column so has read it when the next row is added. */
export const lent: Own = (view) => view

const grown = <A extends Buffered>(array: A, needed: number): A => {
  if (needed <= array.length) return array
  const larger = new (array.constructor as new (length: number) => A)(Math.max(needed, 2 * array.length))
  larger.set(array)
  return larger
}

/** Strings, one after the other. */
interface Strings {
  readonly add: (text: string) => void
  /** Of a row without a text, the empty one. */
  readonly addCells: (cells: Cells.Cells, start: number, end: number) => void
  /** Adds the first `count` of others. */
  readonly addAll: (others: Strings, count: number) => void
  readonly at: (place: number) => string
  readonly bytes: () => number
  readonly length: () => number
  readonly take: (own: Own) => Arrow.Data<Arrow.Utf8>
}

/** Bytes up to which a loop is faster than a call that copies them. */
const shortBytes = 20

const strings = (): Strings => {
  let data = Buffer.alloc(1 << 12)
  let offsets = new Int32Array(mostRows + 1)
  let length = 0
  const makeRoom = (sizeBytes: number, count: number): void => {
    const needed = offsets[length]! + sizeBytes
    if (needed > data.length) {
      const larger = Buffer.alloc(Math.max(2 * data.length, needed))
      larger.set(data)
      data = larger
    }
    if (length + count + 1 > offsets.length) offsets = grown(offsets, length + count + 1)
  }
  const add = (text: string): void => {
    // A UTF-16 unit is at most three bytes of UTF-8.
    makeRoom(3 * text.length, 1)
    const from = offsets[length]!
    offsets[++length] = from + data.write(text, from, "utf8")
  }
  const addCells = ({ bytes, from, to }: Cells.Cells, start: number, end: number): void => {
    let sizeBytes = 0
    for (let row = start; row < end; row++) sizeBytes += to[row]! - from[row]!
    makeRoom(sizeBytes, end - start)
    let place = offsets[length]!
    for (let row = start; row < end; row++) {
      const cell = from[row]!
      const cellBytes = to[row]! - cell
      if (cellBytes > shortBytes) bytes.copy(data, place, cell, cell + cellBytes)
      else for (let at = 0; at < cellBytes; at++) data[place + at] = bytes[cell + at]!
      place += cellBytes
      offsets[++length] = place
    }
  }
  return {
    add,
    addCells,
    addAll: (others, count) => {
      for (let place = 0; place < count; place++) add(others.at(place))
    },
    at: (place) => data.toString("utf8", offsets[place], offsets[place + 1]),
    bytes: () => offsets[length]!,
    length: () => length,
    take: (own) => {
      const taken = Arrow.makeData({
        type: new Arrow.Utf8(),
        length,
        nullCount: 0,
        valueOffsets: own(offsets.subarray(0, length + 1)),
        // A view that is no Buffer, of which `slice` would be another view.
        data: own(new Uint8Array(data.buffer, data.byteOffset, offsets[length])),
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

export const text = (of: (row: Example) => string, cellsOf: (rows: Cells.Columns) => Cells.Cells): Column => {
  const values = strings()
  return {
    add: (row) => values.add(of(row)),
    addColumns: (rows, start, end) => values.addCells(cellsOf(rows), start, end),
    take: values.take,
    bytes: values.bytes,
  }
}

/** Ids, and the ids of origins: as long as all are the examples' own, these are the same buffers. */
export const identities = (): { readonly id: Column; readonly origin: Column } => {
  const ids = strings()
  const origins = strings()
  let areOwn = true
  let taken: Arrow.Data | undefined
  return {
    id: {
      add: (row) => ids.add(row.id),
      addColumns: (rows, start, end) => ids.addCells(rows.id, start, end),
      take: (own) => (taken = ids.take(own)),
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
      addColumns: (rows, start, end) => {
        if (!areOwn) origins.addCells(rows.id, start, end)
      },
      take: (own) => {
        if (areOwn && taken !== undefined) return taken
        areOwn = true
        return origins.take(own)
      },
      bytes: () => (areOwn ? ids : origins).bytes(),
    },
  }
}

export const optionalText = (
  of: (row: Example) => string | undefined,
  cellsOf: (rows: Cells.Columns) => Cells.Cells,
): Column => {
  const values = strings()
  const present = presence()
  return {
    add: (row) => {
      const value = of(row)
      present.add(value !== undefined)
      values.add(value ?? "")
    },
    addColumns: (rows, start, end) => {
      const cells = cellsOf(rows)
      for (let row = start; row < end; row++) present.add(cells.from[row] !== -1)
      values.addCells(cells, start, end)
    },
    take: (own) => {
      const { nullCount, nullBitmap } = present.take()
      const { type, length, valueOffsets, values: data } = values.take(own)
      return Arrow.makeData({ type, length, nullCount, nullBitmap, valueOffsets, data })
    },
    bytes: values.bytes,
  }
}

const listType = new Arrow.List(new Arrow.Field("item", new Arrow.Utf8()))

export const list = (of: (row: Example) => ReadonlyArray<string> | undefined): Column => {
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
    addColumns: () => {
      throw new Error("rows by columns have no lists")
    },
    take: (own) => {
      const taken = Arrow.makeData({
        type: listType,
        ...present.take(),
        valueOffsets: Int32Array.from(offsets),
        child: values.take(own),
      })
      offsets = [0]
      return taken
    },
    bytes: values.bytes,
  }
}

export const numbers = (
  empty: () => Int32Array | Float64Array,
  type: Arrow.Int32 | Arrow.Float64,
  of: (row: Example) => number | undefined,
  /** How the number of a row is found; NaN where it has none. */
  numberOf: (rows: Cells.Columns) => (row: number) => number,
): Column => {
  const present = presence()
  let values = empty()
  let length = 0
  const add = (value: number | undefined): void => {
    present.add(value !== undefined)
    values = grown(values, length + 1)
    values[length++] = value ?? 0
  }
  return {
    add: (row) => add(of(row)),
    addColumns: (rows, start, end) => {
      const of = numberOf(rows)
      for (let row = start; row < end; row++) {
        const value = of(row)
        add(Number.isNaN(value) ? undefined : value)
      }
    },
    take: (own) => {
      const taken = Arrow.makeData({
        // The array is the type's own: `makeData` has an overload for each of the two and none for both.
        type: type as Arrow.Int32,
        data: own(values.subarray(0, length)) as Int32Array,
        ...present.take(),
      })
      length = 0
      return taken
    },
    bytes: () => 0,
  }
}
