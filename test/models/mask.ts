/** What a mask of dropout should be, computed without graphs, and what it may not show. */
import type * as Dropout from "@thaw/models/Dropout"

/** 1 where an element is kept, row by row. */
export interface Mask {
  readonly rows: number
  readonly columns: number
  readonly p: number
  readonly kept: Uint8Array
}

/** Every element by a function of its row and column that gives uint32 numbers. */
export const of = (rows: number, columns: number, p: number, hash: (row: number, column: number) => number): Mask => {
  const kept = new Uint8Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      kept[row * columns + column] = hash(row, column) >>> 0 >= Math.round(p * 2 ** 32) ? 1 : 0
    }
  }
  return { rows, columns, p, kept }
}

const mixed = (given: number): number => {
  let x = given >>> 0
  for (const [constant, shift] of [
    [0x7feb352d, 16],
    [0x846ca68b, 15],
    [0x13198a2e, 16],
  ] as const) {
    x = (Math.imul(x, 2 * x + 1) + constant) >>> 0
    x = (x + (x >>> shift)) >>> 0
  }
  return x
}

/** The formula of Dropout.ts. */
export const formula = ({ a, b, c, d, k, l }: Dropout.Constants, microBatch: number) => {
  const drawn = mixed(microBatch)
  const along = (salt: number) => {
    const made: Array<number> = []
    return (place: number) => (made[place] ??= mixed(Math.imul(place, 0x9e3779b9) + drawn + salt))
  }
  const [ofRow, ofColumn] = [along(0x243f6a88), along(0x85a308d3)]
  return (row: number, column: number): number => {
    const [R, C] = [ofRow(row), ofColumn(column)]
    const first = Math.imul(a, R) + Math.imul(b, C) + k
    const second = 2 * (Math.imul(c, R) + Math.imul(d, C)) + l
    return Math.imul(first, second)
  }
}

/** How many standard deviations a statistic of independent choices with probability 1 − p is off; see `oddities`. */
export type Oddities = Readonly<Record<string, number>>

/**
 * Statistics that are normal with mean 0 and deviation 1 when every element is dropped by itself with probability p.
 *
 *   rate         how many are dropped
 *   rows, columns   how much the number dropped differs from row to row and column to column (too little counts too)
 *   by (i, j)    products of elements i rows and j columns apart: neighbours that go together
 *   rectangles   products of the four corners
 */
export const oddities = (mask: Mask): Oddities => {
  const { rows, columns, p, kept } = mask
  const at = (row: number, column: number) => (kept[row * columns + column]! - (1 - p)) / Math.sqrt(p * (1 - p))
  const sum = (wide: number, high: number, each: (row: number, column: number) => number) => {
    let total = 0
    for (let row = 0; row < high; row++) for (let column = 0; column < wide; column++) total += each(row, column)
    return total / Math.sqrt(wide * high)
  }
  /** Sums of standardised numbers are squared: chi-square with one degree of freedom each. */
  const spread = (lines: number, length: number, element: (line: number, place: number) => number) => {
    let total = 0
    for (let line = 0; line < lines; line++) {
      let lineSum = 0
      for (let place = 0; place < length; place++) lineSum += element(line, place)
      total += lineSum ** 2 / length
    }
    return (total - lines) / Math.sqrt(2 * lines)
  }
  const by = (i: number, j: number) =>
    sum(columns - j, rows - i, (row, column) => at(row, column) * at(row + i, column + j))
  const rectangles = (i: number, j: number) =>
    sum(
      columns - j,
      rows - i,
      (row, column) => at(row, column) * at(row + i, column) * at(row, column + j) * at(row + i, column + j),
    )
  return {
    rate: sum(columns, rows, at),
    rows: spread(rows, columns, at),
    columns: spread(columns, rows, (column, row) => at(row, column)),
    ...Object.fromEntries(
      [0, 1, 2, 3, 8, 16].flatMap((i) =>
        [0, 1, 2, 3, 8, 16].flatMap((j) => (i + j === 0 ? [] : [[`by (${i}, ${j})`, by(i, j)]])),
      ),
    ),
    ...Object.fromEntries(
      [1, 2, 8].flatMap((i) => [1, 2, 8].map((j) => [`rectangles (${i}, ${j})`, rectangles(i, j)])),
    ),
  }
}

/** How far two masks of one size go together, in standard deviations. */
export const alike = (a: Mask, b: Mask): number => {
  const shift = 1 - a.p
  let total = 0
  for (let at = 0; at < a.kept.length; at++) total += (a.kept[at]! - shift) * (b.kept[at]! - shift)
  return total / (a.p * (1 - a.p)) / Math.sqrt(a.kept.length)
}
