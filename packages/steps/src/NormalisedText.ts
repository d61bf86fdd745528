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

/** Of an example's text, or of its tokens joined by spaces; of a pair's both texts, parted by a line end. */
export const ofExample = (example: Dataset.Example): string => {
  const text = of(Dataset.textOf(example))
  return example.pair === undefined ? text : `${text}\n${of(example.pair)}`
}

/** 16 hexadecimal digits: the first 64 bits of SHA-256. */
export const hash = (normalised: string): string => oneShot("sha256", normalised, "hex").slice(0, 16)

/** The same 64 bits as a number, for sets of many texts. */
export const key = (example: Dataset.Example): bigint => BigInt(`0x${hash(ofExample(example))}`)

/** What `hash` gave for the text that an id was derived from; undefined for an id that was not. */
export const keyOfId = (id: string): bigint | undefined => {
  const digits = /^([0-9a-f]{16})(?:-\d+)?$/.exec(id)?.[1]
  return digits === undefined ? undefined : BigInt(`0x${digits}`)
}
