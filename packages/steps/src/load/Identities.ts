/** Whence every example came, and which ids are taken, without holding them. */
import type * as Cells from "@thaw/core/Cells"
import type * as Dataset from "@thaw/core/Dataset"
import type * as Source from "@thaw/core/Source"
import * as NormalisedText from "../NormalisedText.ts"
import type { Draft } from "./Draft.ts"
import type { Lot } from "./Lot.ts"

export class Identities {
  readonly collector: Dataset.Collector
  /** Places of the examples in their files, and where the examples of a file begin. */
  private places = new Int32Array(1024)
  private added = 0
  private readonly files: Array<{ readonly source: Source.Located; readonly first: number }> = []
  private readonly ids = new Derived()
  /** Of texts that occurred more than once. */
  private readonly occurrences = new Map<string, number>()

  constructor(collector: Dataset.Collector) {
    this.collector = collector
  }

  get count(): number {
    return this.added
  }

  enter(source: Source.Located): void {
    this.files.push({ source, first: this.added })
  }

  came(place: number): void {
    if (this.added === this.places.length) this.makeRoom(1)
    this.places[this.added++] = place
  }

  /** Where the id stands already; undefined when it is new. */
  whereIs(id: string): { readonly source: Source.Located; readonly place: number } | undefined {
    const before = this.collector.placeOf(id)
    if (before === -1) return undefined
    return { source: this.files.findLast(({ first }) => first <= before)!.source, place: this.places[before]! }
  }

  /**
   * Adds rows by columns.
   *
   * @param add for one whose id is taken
   */
  addLot(lot: Lot, add: (draft: Draft) => void): void {
    const { columns, start, end, places, draft } = lot
    const id = columns.id ?? this.ids.of(columns.text, start, end)
    this.makeRoom(end - start)
    const came = (from: number, to: number) => {
      this.places.set(places.subarray(from, to), this.added)
      this.added += to - from
    }
    let from = start
    this.collector.addColumns({ ...columns, id }, start, end, (row) => {
      came(from, row)
      from = row + 1
      // Another is derived, or it is refused.
      add(draft(row))
    })
    came(from, end)
  }

  private makeRoom(count: number): void {
    if (this.added + count <= this.places.length) return
    const larger = new Int32Array(Math.max(2 * this.places.length, this.added + count))
    larger.set(this.places)
    this.places = larger
  }

  derived(words: string): string {
    const hash = NormalisedText.hash(words)
    if (this.collector.placeOf(hash) === -1) return hash
    const occurrence = (this.occurrences.get(hash) ?? 1) + 1
    this.occurrences.set(hash, occurrence)
    return `${hash}-${occurrence}`
  }
}

/** Ids that are derived from texts, for as many rows as come together. */
class Derived {
  private ids = Buffer.alloc(0)
  private places = new Int32Array(1)

  /** A hash of every row's normalised text; there until it is called again. */
  of({ bytes, from, to }: Cells.Cells, start: number, end: number): Cells.Cells {
    if (this.places.length <= end) {
      this.ids = Buffer.alloc(NormalisedText.digits * end)
      this.places = Int32Array.from({ length: end + 1 }, (_, row) => NormalisedText.digits * row)
    }
    const { ids, places } = this
    for (let row = start; row < end; row++) NormalisedText.writeHash(bytes, from[row]!, to[row]!, ids, places[row]!)
    return { bytes: ids, from: places, to: places.subarray(1) }
  }
}
