/** White space in UTF-8: what JavaScript's `trim` takes away (ECMA-262, WhiteSpace and LineTerminator). */

/** Bytes of the white space that starts here; 0 where none does. */
const lengthAt = (bytes: Uint8Array, at: number, end: number): number => {
  const first = bytes[at]!
  if (first <= 0x20) return first === 0x20 || (first >= 0x09 && first <= 0x0d) ? 1 : 0
  if (first < 0xc2) return 0
  // U+00A0
  if (first === 0xc2) return at + 2 <= end && bytes[at + 1] === 0xa0 ? 2 : 0
  if (at + 3 > end) return 0
  const rest = (bytes[at + 1]! << 8) | bytes[at + 2]!
  switch (first) {
    case 0xe1: // U+1680
      return rest === 0x9a80 ? 3 : 0
    case 0xe2: // U+2000 to U+200A, U+2028, U+2029, U+202F; U+205F
      return (rest >= 0x8080 && rest <= 0x808a) || rest === 0x80a8 || rest === 0x80a9 || rest === 0x80af || rest === 0x819f ? 3 : 0 // prettier-ignore
    case 0xe3: // U+3000
      return rest === 0x8080 ? 3 : 0
    case 0xef: // U+FEFF
      return rest === 0xbbbf ? 3 : 0
    default:
      return 0
  }
}

/** Where white space ends that stands at the beginning. */
export const startOf = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start
  while (at < end) {
    const length = lengthAt(bytes, at, end)
    if (length === 0) break
    at += length
  }
  return at
}

/** Where white space begins that stands at the end, of bytes that do not begin with some. */
export const endOf = (bytes: Uint8Array, start: number, end: number): number => {
  let at = end
  while (at > start) {
    const last = bytes[at - 1]!
    if (last > 0x20 && last < 0x80) break
    const length = [1, 2, 3].find((each) => at - each >= start && lengthAt(bytes, at - each, at) === each)
    if (length === undefined) break
    at -= length
  }
  return at
}
