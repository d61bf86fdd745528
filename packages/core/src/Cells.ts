/** Texts of consecutive rows as they stand in memory, for rows that are taken many at a time and never become strings. */

/** One column. The text of row r is the UTF-8 from `from[r]` to `to[r]`; a row that has none says −1 twice. */
export interface Cells {
  readonly bytes: Buffer
  readonly from: Int32Array
  readonly to: Int32Array
}

/** Columns of examples that are their own origins. Empty texts are texts. */
export interface Columns {
  readonly id: Cells
  readonly text: Cells
  readonly pair?: Cells
  readonly negative?: Cells
  /** By task. */
  readonly labels: Readonly<Record<string, Cells>>
  /** By task; NaN where a row has none. */
  readonly scores?: Readonly<Record<string, Float64Array>>
  /** By column that was kept though it is no task. */
  readonly kept?: Readonly<Record<string, Cells>>
}
