/**
 * A map from texts to numbers that holds no text: 128 bits stand for one. For millions of rows it takes a fraction of
 * what a `Map` of strings does. Two of ten million texts that were not made to have one fingerprint have one with a
 * probability of about 1e-25.
 *
 * Fingerprints are MurmurHash3_x86_128 (Appleby 2011, public domain) of the text's UTF-16 code units. They stay inside a
 * process: nothing that is kept depends on them.
 */

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

/** The text asked for last, and the words of its fingerprint: whoever asks for a text often adds it next. */
let latestText = ""
const latest = new Uint32Array(4)

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

const mixed = (word: number): number => {
  const once = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}

const c1 = 0x239b961b
const c2 = 0xab0e9789 | 0
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93 | 0

/** A fingerprint of the code units, as four words. */
export const digestOf = (text: string): Uint32Array => {
  if (text === latestText) return latest
  latestText = text
  const units = text.length
  const blocks = units >> 3
  let h1 = 0
  let h2 = 0
  let h3 = 0
  let h4 = 0
  const pair = (at: number): number =>
    (at < units ? text.charCodeAt(at) : 0) | ((at + 1 < units ? text.charCodeAt(at + 1) : 0) << 16)
  for (let block = 0; block < blocks; block++) {
    const at = 8 * block
    h1 ^= Math.imul(rotated(Math.imul(pair(at), c1), 15), c2)
    h1 = (Math.imul((rotated(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0
    h2 ^= Math.imul(rotated(Math.imul(pair(at + 2), c2), 16), c3)
    h2 = (Math.imul((rotated(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0
    h3 ^= Math.imul(rotated(Math.imul(pair(at + 4), c3), 17), c4)
    h3 = (Math.imul((rotated(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0
    h4 ^= Math.imul(rotated(Math.imul(pair(at + 6), c4), 18), c1)
    h4 = (Math.imul((rotated(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0
  }
  // What is left of a block; a word without a unit is 0 and changes nothing.
  const tail = 8 * blocks
  h4 ^= Math.imul(rotated(Math.imul(pair(tail + 6), c4), 18), c1)
  h3 ^= Math.imul(rotated(Math.imul(pair(tail + 4), c3), 17), c4)
  h2 ^= Math.imul(rotated(Math.imul(pair(tail + 2), c2), 16), c3)
  h1 ^= Math.imul(rotated(Math.imul(pair(tail), c1), 15), c2)
  const sizeBytes = 2 * units
  h1 ^= sizeBytes
  h2 ^= sizeBytes
  h3 ^= sizeBytes
  h4 ^= sizeBytes
  h1 = (h1 + h2 + h3 + h4) | 0
  h2 = (h2 + h1) | 0
  h3 = (h3 + h1) | 0
  h4 = (h4 + h1) | 0
  h1 = mixed(h1)
  h2 = mixed(h2)
  h3 = mixed(h3)
  h4 = mixed(h4)
  h1 = (h1 + h2 + h3 + h4) | 0
  latest[0] = h1
  latest[1] = h2 + h1
  latest[2] = h3 + h1
  latest[3] = h4 + h1
  return latest
}
