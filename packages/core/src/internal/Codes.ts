/** Numbers for labels while it is not known yet which labels there are. */
import * as Arrow from "apache-arrow"
import type * as Cells from "../Cells.ts"

interface Recent {
  readonly bytes: Uint8Array
  readonly code: number
}

const isSame = (known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean => {
  if (known.length !== end - start) return false
  for (let at = 0; at < known.length; at++) if (known[at] !== bytes[start + at]) return false
  return true
}

/** Numbers for labels, in the order in which they occur. */
export class Codes {
  private readonly codes = new Map<string, number>()
  /** Codes of labels met as bytes, with the bytes: at the place that a hash of them gives, the one met last. */
  private readonly recent = Array.from<Recent | undefined>({ length: 256 })
  of(label: string | undefined): number | undefined {
    if (label === undefined) return undefined
    const known = this.codes.get(label)
    if (known !== undefined) return known
    this.codes.set(label, this.codes.size)
    return this.codes.size - 1
  }
  /** The code of a row's label; NaN where it has none. */
  ofCells({ bytes, from, to }: Cells.Cells): (row: number) => number {
    return (row) => {
      const start = from[row]!
      if (start === -1) return Number.NaN
      const end = to[row]!
      let hash = 0
      for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0
      const place = (hash ^ (hash >>> 8) ^ (hash >>> 16)) & 0xff
      const recent = this.recent[place]
      if (recent !== undefined && isSame(recent.bytes, bytes, start, end)) return recent.code
      const code = this.of(bytes.toString("utf8", start, end))!
      this.recent[place] = { bytes: Uint8Array.prototype.slice.call(bytes, start, end), code }
      return code
    }
  }
  /** Labels in the order of their code units, and the place among them of every number. */
  sorted(): { readonly labels: Arrow.Vector<Arrow.Utf8>; readonly places: Int32Array } {
    const labels = [...this.codes.keys()].sort()
    const places = new Int32Array(labels.length)
    labels.forEach((label, place) => (places[this.codes.get(label)!] = place))
    return { labels: Arrow.vectorFromArray(labels, new Arrow.Utf8()), places }
  }
}
