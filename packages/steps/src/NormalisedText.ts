/**
 * The form in which two texts count as the same: Unicode NFKC, lower case, white space collapsed to single spaces.
 * Duplicates, overlap between parts and ids derived from content are all judged by it.
 */
import { createHash } from "node:crypto"
import * as Dataset from "@thaw/core/Dataset"

/** Not plain ASCII with single spaces, for which the form is the lower case. */
const isOther = /[^ -~]| {2}/u

export const of = (text: string): string => (isOther.test(text) ? whole(text) : text.toLowerCase().trim())

const whole = (text: string): string => text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim()

/** Of an example's text, or of its tokens joined by spaces. */
export const ofExample = (example: Dataset.Example): string => of(Dataset.textOf(example))

/** 16 hexadecimal digits of SHA-256. */
export const hash = (normalised: string): string => createHash("sha256").update(normalised).digest("hex").slice(0, 16)
