/**
 * A map from texts to numbers that holds no text: 128 bits of SHA-256 stand for one. For millions of rows it takes a
 * tenth of what a `Map` of strings does, and two different texts have one fingerprint with a probability below 1e-24.
 */
import { hash } from "node:crypto"

export class Fingerprints {
  /** Four 32-bit words a slot; a slot is taken where its value is not −1. */
  private words = new Uint32Array(4 * 1024)
  private values = new Int32Array(1024).fill(-1)
  private count = 0

  get size(): number {
    return this.count
  }

  /** The number kept for the text, or −1. */
  get(text: string): number {
    return this.values[this.slotOf(this.words, this.values, digestOf(text), 0)]!
  }

  /** The number kept for the text; where there is none, `value` (not negative) is kept and −1 given. */
  add(text: string, value: number): number {
    const digest = digestOf(text)
    const slot = this.slotOf(this.words, this.values, digest, 0)
    const known = this.values[slot]!
    if (known !== -1) return known
    for (let word = 0; word < 4; word++) this.words[4 * slot + word] = digest[word]!
    this.values[slot] = value
    if (++this.count > this.values.length / 2) this.grow()
    return -1
  }

  /** Keeps another number for the text. */
  set(text: string, value: number): void {
    if (this.add(text, value) !== -1) this.values[this.slotOf(this.words, this.values, digestOf(text), 0)] = value
  }

  /** The slot of a fingerprint, or the free one where it would go. */
  private slotOf(words: Uint32Array, values: Int32Array, digest: Uint32Array, from: number): number {
    const mask = values.length - 1
    let slot = digest[from]! & mask
    while (
      values[slot] !== -1 &&
      (words[4 * slot] !== digest[from] ||
        words[4 * slot + 1] !== digest[from + 1] ||
        words[4 * slot + 2] !== digest[from + 2] ||
        words[4 * slot + 3] !== digest[from + 3])
    ) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  private grow(): void {
    const words = new Uint32Array(2 * this.words.length)
    const values = new Int32Array(2 * this.values.length).fill(-1)
    for (let slot = 0; slot < this.values.length; slot++) {
      if (this.values[slot] === -1) continue
      const to = this.slotOf(words, values, this.words, 4 * slot)
      for (let word = 0; word < 4; word++) words[4 * to + word] = this.words[4 * slot + word]!
      values[to] = this.values[slot]!
    }
    this.words = words
    this.values = values
  }
}

/** Words of the digest of the text asked for last. */
const latest = new Uint32Array(4)

const digestOf = (text: string): Uint32Array => {
  const digest = hash("sha256", text, "buffer")
  for (let word = 0; word < 4; word++) latest[word] = digest.readUInt32LE(4 * word)
  return latest
}
