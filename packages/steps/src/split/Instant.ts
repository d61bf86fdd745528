/** Points in time as data writes them: dates and times of ISO 8601, without a zone taken for UTC, or plain numbers. */

const date = /^\d{4}-\d{2}(-\d{2})?$/
const dateTime = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:?\d{2})?$/

export interface Instant {
  readonly kind: "date" | "number"
  /** Milliseconds since 1970, or the number. */
  readonly value: number
}

/** Undefined where it is neither. */
export const parse = (text: string): Instant | undefined => {
  const trimmed = text.trim()
  if (date.test(trimmed)) return dated(Date.parse(trimmed))
  const parts = dateTime.exec(trimmed)
  // Without a zone JavaScript would take the machine's.
  if (parts !== null) return dated(Date.parse(`${parts[1]}T${parts[2]}${parts[3] ?? "Z"}`))
  const number = trimmed === "" ? Number.NaN : Number(trimmed)
  return Number.isFinite(number) ? { kind: "number", value: number } : undefined
}

const dated = (value: number): Instant | undefined => (Number.isNaN(value) ? undefined : { kind: "date", value })
