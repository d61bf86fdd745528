/** Numbers as people read them. */

/** `0.4 s`, `41 s`, `2:05`, `1:02:05`. */
export const seconds = (value: number): string => {
  if (value < 10) return `${value.toFixed(1)} s`
  const whole = Math.round(value)
  if (whole < 60) return `${whole} s`
  return clock(whole)
}

/** `0:41`, `2:05`, `1:02:05`: a form whose width does not jump while it counts. */
export const clock = (value: number): string => {
  const whole = Math.max(0, Math.round(value))
  const two = (part: number) => String(part).padStart(2, "0")
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

const units = ["B", "KB", "MB", "GB", "TB"]

/** `812 B`, `1.4 MB`: powers of 1000. */
export const bytes = (value: number): string => scaled(value, units)

const prefixes = ["", "k", "M", "G", "T", "P"]

/** `3.2 TFLOP`. */
export const operations = (value: number): string => `${scaled(value, prefixes)}FLOP`

/** In the unit that leaves at most three digits before the point; each is a thousand of the one before. */
const scaled = (value: number, names: ReadonlyArray<string>): string => {
  let size = value
  let at = 0
  while (size >= 999.5 && at < names.length - 1) {
    size /= 1000
    at++
  }
  return `${at === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${names[at]}`
}

/** `1,240`. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US")

/** `1.2 k`, `22.7 M`: parameters, examples. */
export const short = (value: number): string =>
  value < 1000
    ? String(Math.round(value))
    : value < 999_950
      ? `${(value / 1000).toFixed(1)} k`
      : `${(value / 1_000_000).toFixed(1)} M`

/** `12.5 %`, `< 0.1 %`: of a share that is not nothing. */
export const percent = (share: number): string =>
  share > 0 && share < 0.001 ? "< 0.1 %" : `${Number((100 * share).toFixed(1))} %`

/** Losses and scores: four significant places where small, three decimals else. */
export const score = (value: number): string =>
  !Number.isFinite(value)
    ? String(value)
    : Math.abs(value) < 0.001 && value !== 0
      ? value.toExponential(1)
      : value.toFixed(3)

/** `1 step`, `2 steps`. */
export const several = (amount: number, one: string, many = `${one}s`): string =>
  `${count(amount)} ${amount === 1 ? one : many}`

/** Local time, to the minute. */
export const moment = (iso: string): string => {
  const at = new Date(iso)
  const two = (part: number) => String(part).padStart(2, "0")
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}
