/**
 * MurmurHash3_x86_128 (Appleby 2011, public domain), with seed 0. Fast and even over its 128 bits, and no defence against
 * who makes two inputs of one hash.
 */

const c1 = 0x239b961b
const c2 = 0xab0e9789 | 0
const c3 = 0x38b34ae5
const c4 = 0xa1e38b93 | 0

const rotated = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

const mixed = (word: number): number => {
  const once = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return twice ^ (twice >>> 16)
}

/** Up to four bytes as a little-endian word; what is not there is 0. */
const partial = (view: DataView, from: number, to: number): number => {
  if (from + 4 <= to) return view.getInt32(from, true)
  let word = 0
  for (let at = to - 1; at >= from; at--) word = (word << 8) | view.getUint8(at)
  return word
}

/** The hash of the bytes between two places, as four words from `into[at]` on. */
export const hash = (view: DataView, from: number, to: number, into: Int32Array, at: number): void => {
  let h1 = 0
  let h2 = 0
  let h3 = 0
  let h4 = 0
  let place = from
  for (; place + 16 <= to; place += 16) {
    h1 ^= Math.imul(rotated(Math.imul(view.getInt32(place, true), c1), 15), c2)
    h1 = (Math.imul((rotated(h1, 19) + h2) | 0, 5) + 0x561ccd1b) | 0
    h2 ^= Math.imul(rotated(Math.imul(view.getInt32(place + 4, true), c2), 16), c3)
    h2 = (Math.imul((rotated(h2, 17) + h3) | 0, 5) + 0x0bcaa747) | 0
    h3 ^= Math.imul(rotated(Math.imul(view.getInt32(place + 8, true), c3), 17), c4)
    h3 = (Math.imul((rotated(h3, 15) + h4) | 0, 5) + 0x96cd1c35) | 0
    h4 ^= Math.imul(rotated(Math.imul(view.getInt32(place + 12, true), c4), 18), c1)
    h4 = (Math.imul((rotated(h4, 13) + h1) | 0, 5) + 0x32ac3b17) | 0
  }
  // What is left of a block; a word without a byte is 0 and changes nothing.
  if (place < to) {
    h4 ^= Math.imul(rotated(Math.imul(partial(view, place + 12, to), c4), 18), c1)
    h3 ^= Math.imul(rotated(Math.imul(partial(view, place + 8, to), c3), 17), c4)
    h2 ^= Math.imul(rotated(Math.imul(partial(view, place + 4, to), c2), 16), c3)
    h1 ^= Math.imul(rotated(Math.imul(partial(view, place, to), c1), 15), c2)
  }
  const sizeBytes = to - from
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
  into[at] = h1
  into[at + 1] = h2 + h1
  into[at + 2] = h3 + h1
  into[at + 3] = h4 + h1
}
