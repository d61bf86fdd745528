/**
 * Whether the metadata of Arrow IPC lead nowhere else than into themselves: they are FlatBuffers, trees of tables whose
 * lengths and offsets are numbers in the file, and the library's readers follow a damaged one for as long as it says.
 *
 * A table is a list of slots (Arrow's format/Message.fbs, Schema.fbs and File.fbs number them); those that hold plain
 * numbers need no look.
 */

interface Table {
  readonly [slot: number]: Slot
}

type Slot =
  | { readonly _tag: "String" }
  /** Structures or numbers of so many bytes. */
  | { readonly _tag: "Vector"; readonly bytes: number }
  | { readonly _tag: "Table"; readonly of: () => Table }
  | { readonly _tag: "Tables"; readonly of: () => Table }
  /** A table of the kind that the number in another slot says. */
  | { readonly _tag: "Union"; readonly kind: number; readonly of: Readonly<Record<number, Table>> }

const string: Slot = { _tag: "String" }
const vector = (bytes: number): Slot => ({ _tag: "Vector", bytes })
const table = (of: () => Table): Slot => ({ _tag: "Table", of })
const tables = (of: () => Table): Slot => ({ _tag: "Tables", of })

const keyValue: Table = { 0: string, 1: string }
const customMetadata = tables(() => keyValue)
const dictionaryEncoding: Table = { 1: table(() => ({})) }
/** Of the types, those that hold more than numbers: a timestamp its time zone, a union the ids of its types. */
const types: Readonly<Record<number, Table>> = { 10: { 1: string }, 14: { 1: vector(4) } }
const field: Table = {
  0: string,
  3: { _tag: "Union", kind: 2, of: types },
  4: table(() => dictionaryEncoding),
  5: tables(() => field),
  6: customMetadata,
}
const schema: Table = { 1: tables(() => field), 2: customMetadata, 3: vector(8) }
const recordBatch: Table = { 1: vector(16), 2: vector(16), 3: table(() => ({})), 4: vector(8) }
const dictionaryBatch: Table = { 1: table(() => recordBatch) }
const headers: Readonly<Record<number, Table>> = { 1: schema, 2: dictionaryBatch, 3: recordBatch }

const message: Table = { 2: { _tag: "Union", kind: 1, of: headers }, 4: customMetadata }
const footer: Table = { 1: table(() => schema), 2: vector(24), 3: vector(24), 4: customMetadata }

/** Throws unless the bytes are a message's metadata that a reader may follow. */
export const checkMessage = (bytes: Uint8Array): void => new Check(bytes).root(message)

/** The same of a file's footer. */
export const checkFooter = (bytes: Uint8Array): void => new Check(bytes).root(footer)

class Check {
  private readonly view: DataView
  /** Parts may be shared, but not so that there is much more to read than is there. */
  private left: number

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.left = 16 * bytes.byteLength
  }

  root(of: Table): void {
    this.table(this.behind(0), of)
  }

  private inside(from: number, bytes: number): void {
    this.left -= bytes
    if (from < 0 || from + bytes > this.view.byteLength || this.left < 0) throw new Error("metadata that are damaged")
  }

  /** Where the offset that stands here leads. */
  private behind(at: number): number {
    this.inside(at, 4)
    return at + this.view.getUint32(at, true)
  }

  private vector(at: number, bytes: number): { readonly from: number; readonly length: number } {
    this.inside(at, 4)
    const length = this.view.getUint32(at, true)
    this.inside(at + 4, bytes * length)
    return { from: at + 4, length }
  }

  private table(at: number, of: Table): void {
    this.inside(at, 4)
    const slots = at - this.view.getInt32(at, true)
    this.inside(slots, 4)
    const slotBytes = this.view.getUint16(slots, true)
    this.inside(slots, slotBytes)
    this.inside(at, this.view.getUint16(slots + 2, true))
    const placeOf = (slot: number): number | undefined => {
      const offset = 6 + 2 * slot > slotBytes ? 0 : this.view.getUint16(slots + 4 + 2 * slot, true)
      return offset === 0 ? undefined : at + offset
    }
    for (const [slot, part] of Object.entries(of) as ReadonlyArray<[string, Slot]>) {
      const place = placeOf(Number(slot))
      if (place !== undefined) this.part(this.behind(place), part, placeOf)
    }
  }

  private part(at: number, part: Slot, placeOf: (slot: number) => number | undefined): void {
    switch (part._tag) {
      case "String":
        this.vector(at, 1)
        return
      case "Vector":
        this.vector(at, part.bytes)
        return
      case "Table":
        this.table(at, part.of())
        return
      case "Tables": {
        const { from, length } = this.vector(at, 4)
        for (let each = 0; each < length; each++) this.table(this.behind(from + 4 * each), part.of())
        return
      }
      case "Union": {
        const kind = placeOf(part.kind)
        if (kind !== undefined) this.inside(kind, 1)
        this.table(at, (kind === undefined ? undefined : part.of[this.view.getUint8(kind)]) ?? {})
      }
    }
  }
}
