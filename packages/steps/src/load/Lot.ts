/**
 * Rows of a table by columns, for loaders that need not make strings of them. Such rows have text and none of what has to be
 * looked at row by row: each is an example, unless its id is taken.
 */
import type * as Cells from "@thaw/core/Cells"
import type { Draft } from "./Draft.ts"

/** Columns of which some consecutive rows are meant. There until the next lot is asked for. */
export class Lot {
  /** Ids are not empty, texts not blank; without a column of ids they come from the text. */
  readonly columns: Omit<Cells.Columns, "id"> & { readonly id?: Cells.Cells }
  /** Where the rows start in their file, counted from 1. */
  readonly places: Int32Array
  readonly start: number
  readonly end: number
  /** A row as a draft, for when it has to be looked at after all. */
  readonly draft: (row: number) => Draft

  constructor(columns: Lot["columns"], places: Int32Array, start: number, end: number, draft: (row: number) => Draft) {
    this.columns = columns
    this.places = places
    this.start = start
    this.end = end
    this.draft = draft
  }
}
