/**
 * The form in which two texts count as the same: Unicode NFKC, lower case, white space collapsed to single spaces.
 * Duplicates, overlap between parts and ids derived from content are all judged by it.
 */
import { hash as oneShot } from "node:crypto"
import * as Dataset from "@thaw/core/Dataset"

/** Not plain ASCII with single spaces, for which the form is the lower case. */
const isOther = /[^ -~]| {2}/u

export const of = (text: string): string => (isOther.test(text) ? whole(text) : text.toLowerCase().trim())

/** Whether nothing is left of it. A text that starts with a visible character of ASCII need not be looked at further. */
export const isEmpty = (text: string): boolean => {
  const first = text.charCodeAt(0)
  return !(first > 0x20 && first < 0x7f) && of(text) === ""
}

const whole = (text: string): string => text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim()

/**
 * Of an example's text, or of its tokens joined by spaces; of a pair's both texts, parted by a line end. A pair is the same
 * whatever its negative is.
 */
export const ofExample = (example: Dataset.Example): string => {
  const text = of(Dataset.textOf(example))
  return example.pair === undefined ? text : `${text}\n${of(example.pair)}`
}

/** Digits of a hash. */
export const digits = 16

/** 16 hexadecimal digits: the first 64 bits of SHA-256. */
export const hash = (normalised: string): string => oneShot("sha256", normalised, "hex").slice(0, digits)

const room = new Uint8Array(1 << 16)

/** Brings text into the form that is plain ASCII with single spaces; gives its length, or −1 where the text is other. */
const lowered = (bytes: Uint8Array, from: number, to: number): number => {
  if (to - from > room.length) return -1
  let before = 0x20
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    if (byte < 0x20 || byte > 0x7e || (byte === 0x20 && before === 0x20)) return -1
    room[at - from] = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    before = byte
  }
  return to - from - (before === 0x20 ? 1 : 0)
}

/** The hash of the form of UTF-8 text that is not blank, written at a place: most text need not become a string for it. */
export const writeHash = (bytes: Buffer, from: number, to: number, into: Buffer, at: number): void => {
  const length = lowered(bytes, from, to)
  const form = length === -1 ? of(bytes.toString("utf8", from, to)) : room.subarray(0, length)
  into.write(oneShot("sha256", form, "hex"), at, digits, "latin1")
}

/** The same 64 bits as a number, for sets of many texts. */
export const key = (example: Dataset.Example): bigint => BigInt(`0x${hash(ofExample(example))}`)

/** What `hash` gave for the text that an id was derived from; undefined for an id that was not. */
export const keyOfId = (id: string): bigint | undefined => {
  const digits = /^([0-9a-f]{16})(?:-\d+)?$/.exec(id)?.[1]
  return digits === undefined ? undefined : BigInt(`0x${digits}`)
}
