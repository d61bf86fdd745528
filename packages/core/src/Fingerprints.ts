/**
 * A map from texts to numbers that holds no text: 96 bits stand for one. For millions of rows it takes a fraction of what
 * a `Map` of strings does. Two of ten million texts that were not made to have one fingerprint have one with a
 * probability of about 1e-15.
 *
 * Fingerprints are the first three words of MurmurHash3_x86_128 of the text's UTF-8. They stay inside a process: nothing
 * that is kept depends on them.
 *
 * ```
 * slot   first word │ number + 1, or 0 where the slot is free
 * ```
 *
 * The other words stand in the order in which texts came: who looks for a text seldom needs them, and a table of short slots
 * is the one thing here that is read all over.
 */
import type { Cells } from "./Cells.ts"
import * as Murmur3 from "./internal/Murmur3.ts"

export class Fingerprints {
  private slots = new Int32Array(2 * 1024)
  /** Two words, and the value, by the number of the text. */
  private rest = new Int32Array(3 * 512)
  private count = 0
  /** Kept, so that what is fetched is not taken for unused. */
  protected fetched = 0
  /** Of rows that are added together. */
  private digests = new Int32Array(0)

  get size(): number {
    return this.count
  }

  /** The number kept for the text, or −1. */
  get(text: string): number {
    const number = this.slots[this.slotOf(digestOf(text), 0) + 1]!
    return number === 0 ? -1 : this.rest[3 * number - 1]!
  }

  /** The number kept for the text; where there is none, `value` (not negative) is kept and −1 given. */
  add(text: string, value: number): number {
    return this.put(digestOf(text), 0, value)
  }

  /** Keeps another number for the text. */
  set(text: string, value: number): void {
    if (this.add(text, value) !== -1) this.rest[3 * this.slots[this.slotOf(digestOf(text), 0) + 1]! - 1] = value
  }

  /**
   * Adds the texts of rows, each with the size before it as its number.
   *
   * @param known is told, when its turn comes, of a row whose text is known, and may add another text
   */
  addCells({ bytes, from, to }: Cells, start: number, end: number, known: (row: number) => void): void {
    const view = viewOf(bytes)
    if (this.digests.length < 4 * (end - start)) this.digests = new Int32Array(4 * (end - start))
    const { digests } = this
    for (let row = start; row < end; row++) Murmur3.hash(view, from[row]!, to[row]!, digests, 4 * (row - start))
    this.fetch(4 * (end - start))
    for (let row = start; row < end; row++) if (this.put(digests, 4 * (row - start), this.count) !== -1) known(row)
  }

  /** Looks at all slots that will be asked for: that they are not in the processor's cache is then waited for side by side. */
  private fetch(length: number): void {
    const { slots, digests } = this
    const mask = slots.length - 1
    let seen = 0
    for (let at = 0; at < length; at += 4) seen |= slots[(digests[at]! << 1) & mask]!
    this.fetched = seen
  }

  private put(digest: Int32Array, at: number, value: number): number {
    const slot = this.slotOf(digest, at)
    const { slots, rest, count } = this
    const number = slots[slot + 1]!
    if (number !== 0) return rest[3 * number - 1]!
    slots[slot] = digest[at]!
    slots[slot + 1] = count + 1
    rest[3 * count] = digest[at + 1]!
    rest[3 * count + 1] = digest[at + 2]!
    rest[3 * count + 2] = value
    if (++this.count === slots.length / 4) this.grow()
    return -1
  }

  /** Where the slot of a fingerprint starts, or the free one where it would go. */
  private slotOf(digest: Int32Array, at: number): number {
    const { slots, rest } = this
    const mask = slots.length - 1
    const first = digest[at]!
    let slot = (first << 1) & mask
    while (true) {
      const number = slots[slot + 1]!
      if (number === 0) return slot
      if (slots[slot] === first && rest[3 * number - 3] === digest[at + 1] && rest[3 * number - 2] === digest[at + 2])
        return slot
      slot = (slot + 2) & mask
    }
  }

  private grow(): void {
    const { slots, rest } = this
    const larger = new Int32Array(2 * slots.length)
    const mask = larger.length - 1
    for (let slot = 0; slot < slots.length; slot += 2) {
      if (slots[slot + 1] === 0) continue
      let to = (slots[slot]! << 1) & mask
      while (larger[to + 1] !== 0) to = (to + 2) & mask
      larger[to] = slots[slot]!
      larger[to + 1] = slots[slot + 1]!
    }
    this.slots = larger
    this.rest = new Int32Array(2 * rest.length)
    this.rest.set(rest)
  }
}

/** Room for the UTF-8 of texts that are not unusually long. */
const room = Buffer.alloc(1 << 16)
const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const viewOfRoom = viewOf(room)
/** The text asked for last, and the words of its fingerprint: whoever asks for a text often adds it next. */
let latestText = ""
const latest = new Int32Array(4)

/** A fingerprint, and a fourth word. */
export const digestOf = (text: string): Int32Array => {
  if (text === latestText) return latest
  latestText = text
  // A UTF-16 unit is at most three bytes of UTF-8.
  if (3 * text.length <= room.length) Murmur3.hash(viewOfRoom, 0, room.write(text, 0, "utf8"), latest, 0)
  else {
    const bytes = Buffer.from(text)
    Murmur3.hash(viewOf(bytes), 0, bytes.length, latest, 0)
  }
  return latest
}
