/** Columns of examples from the cells of records: the same as `Columns.reader` makes of rows, without strings. */
import type * as Cells from "@thaw/core/Cells"
import type * as Columns from "./Columns.ts"
import type { Lot } from "./Lot.ts"
import * as Records from "./Records.ts"
import * as WhiteSpace from "./WhiteSpace.ts"

/** A number, nothing, or the cell as it is, which is refused with its place. */
export const numberOf = (cell: string): number | string | undefined => {
  if (cell.trim() === "") return undefined
  const number = Number(cell)
  return Number.isFinite(number) ? number : cell
}

/** Cells of one column, of as many records as are found at once. */
class Column {
  readonly from = new Int32Array(Records.most)
  readonly to = new Int32Array(Records.most)
  private readonly place: number
  private readonly cells: number

  /** @param cells how many a record has */
  constructor(place: number, cells: number) {
    this.place = place
    this.cells = cells
  }

  fill({ spans, count }: Records.Records): this {
    const { from, to } = this
    for (let row = 0, at = 2 * this.place; row < count; row++, at += 2 * this.cells) {
      from[row] = spans[at]!
      to[row] = spans[at + 1]!
    }
    return this
  }

  /** Without white space around them; a cell with nothing else is none. */
  trim({ count }: Records.Records, bytes: Buffer): this {
    const { from, to } = this
    for (let row = 0; row < count; row++) {
      const start = WhiteSpace.startOf(bytes, from[row]!, to[row]!)
      const end = WhiteSpace.endOf(bytes, start, to[row]!)
      from[row] = start === end ? -1 : start
      to[row] = start === end ? -1 : end
    }
    return this
  }

  of(bytes: Buffer): Cells.Cells {
    return { bytes, from: this.from, to: this.to }
  }
}

type ByName<A> = ReadonlyArray<readonly [name: string, column: A]>

export class CellColumns {
  /** Whether a record has to be looked at: its text is blank, its id empty or a score no number. */
  readonly isOdd = new Uint8Array(Records.most)
  private readonly id: Column | undefined
  private readonly text: Column
  private readonly pair: Column | undefined
  private readonly negative: Column | undefined
  private readonly labels: ByName<Column>
  private readonly kept: ByName<Column>
  private readonly scores: ByName<Column>
  private readonly numbers: ByName<Float64Array>

  /**
   * @param placeOf a column's place in a record
   * @param cells how many a record has
   */
  constructor(columns: Columns.Columns, placeOf: (column: string) => number, cells: number) {
    const of = (name: string) => new Column(placeOf(name), cells)
    const byName = (pairs: Columns.Columns["labels"]) => pairs.map(([name, column]) => [name, of(column)] as const)
    this.id = columns.id === undefined ? undefined : of(columns.id)
    this.text = of(columns.text!)
    this.pair = columns.pair === undefined ? undefined : of(columns.pair)
    this.negative = columns.negative === undefined ? undefined : of(columns.negative)
    this.labels = byName(columns.labels)
    this.kept = byName(columns.kept)
    this.scores = byName(columns.scores)
    this.numbers = columns.scores.map(([name]) => [name, new Float64Array(Records.most)])
  }

  /** There until it is called again. */
  fill(records: Records.Records, bytes: Buffer): Lot["columns"] {
    const { isOdd, text, id } = this
    const { count } = records
    text.fill(records)
    for (let row = 0; row < count; row++) {
      isOdd[row] = WhiteSpace.startOf(bytes, text.from[row]!, text.to[row]!) === text.to[row] ? 1 : 0
    }
    if (id !== undefined) {
      id.fill(records).trim(records, bytes)
      for (let row = 0; row < count; row++) if (id.from[row] === -1) isOdd[row] = 1
    }
    for (const [at, [, numbers]] of this.numbers.entries()) {
      const { from, to } = this.scores[at]![1].fill(records)
      for (let row = 0; row < count; row++) {
        const number = numberOf(bytes.toString("utf8", from[row], to[row])) ?? Number.NaN
        if (typeof number === "string") isOdd[row] = 1
        else numbers[row] = number
      }
    }
    const trimmed = (columns: ByName<Column>) =>
      Object.fromEntries(columns.map(([name, column]) => [name, column.fill(records).trim(records, bytes).of(bytes)]))
    return {
      text: text.of(bytes),
      ...(id && { id: id.of(bytes) }),
      ...(this.pair && { pair: this.pair.fill(records).of(bytes) }),
      ...(this.negative && { negative: this.negative.fill(records).of(bytes) }),
      labels: trimmed(this.labels),
      kept: trimmed(this.kept),
      scores: Object.fromEntries(this.numbers),
    }
  }
}
