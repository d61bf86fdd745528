/**
 * Where the cells of a CSV file (RFC 4180) stand in its bytes. Nothing becomes a string.
 *
 * Only what is as the RFC has it is found here: a cell that begins with a quote ends with one, before the delimiter or the
 * line end, and every record has as many cells as it should. What is otherwise is left to whoever asked.
 */

const quote = 0x22
const lineFeed = 0x0a

/** Records that are looked for at once. */
export const most = 1024

/** Whether cells can be separated by it here: one byte, and none that means something else. */
export const separates = (delimiter: string): boolean => /^[\t -!#-~]$/u.test(delimiter)

export class Records {
  /** Of cell after cell and record after record: where it starts and ends, without its quotes. */
  spans = new Int32Array(16)
  /** The line that a record starts in, counted from 1. */
  readonly lines = new Int32Array(most)
  count = 0
  /** Cells of the record found last. */
  cells = 0
  /** Where the first record starts that is not among them, and its line. */
  next = 0
  line = 1
  /** Whether that record is whole, but not as it should be. */
  isOdd = false
  private readonly delimiter: string
  private block: Buffer = Buffer.alloc(0)
  /** The block with a character a byte: searching in it is what engines are fastest at. */
  private text = ""
  /** The delimiter and the line end that come next, from the place on where the next record starts. */
  private delimiterAt = -1
  private endAt = -1

  constructor(delimiter: string) {
    this.delimiter = delimiter
  }

  /** Goes on at the beginning of other bytes: whole characters, with LF as the only line end. */
  begin(block: Buffer): void {
    this.block = block
    this.text = block.toString("latin1")
    this.next = 0
    this.delimiterAt = this.text.indexOf(this.delimiter)
    this.endAt = this.text.indexOf("\n")
  }

  /**
   * Finds records that are whole, at most so many, and leaves out blank lines. Two quotes inside quotes become one, in place.
   *
   * @param cells how many a record has; undefined where that is not known
   */
  find(atMost: number, cells: number | undefined): void {
    const { block, text, delimiter } = this
    const delimiterByte = delimiter.charCodeAt(0)
    this.count = 0
    this.isOdd = false
    let place = 0
    let { next: at, delimiterAt, endAt } = this
    while (this.count < atMost) {
      const first = place
      let doubled: Array<number> | undefined
      let lineEnds = 1
      let isWhole = false
      while (!isWhole) {
        let from = at
        let to: number
        if (block[at] === quote) {
          from = at + 1
          to = text.indexOf('"', from)
          while (to !== -1 && block[to + 1] === quote) {
            if (doubled?.at(-1) !== place) (doubled ??= []).push(place)
            to = text.indexOf('"', to + 2)
          }
          // A quote may follow in what is not there yet.
          if (to === -1 || to + 1 === block.length) return
          for (; endAt !== -1 && endAt < to; endAt = text.indexOf("\n", endAt + 1)) lineEnds++
          if (delimiterAt !== -1 && delimiterAt < to) delimiterAt = text.indexOf(delimiter, to)
          const after = block[to + 1]
          isWhole = after === lineFeed
          if (!isWhole && after !== delimiterByte) {
            this.isOdd = true
            return
          }
          at = to + 2
        } else {
          if (endAt === -1) return
          isWhole = delimiterAt === -1 || endAt < delimiterAt
          to = isWhole ? endAt : delimiterAt
          at = to + 1
        }
        if (isWhole) endAt = text.indexOf("\n", at)
        else delimiterAt = text.indexOf(delimiter, at)
        if (place + 2 > this.spans.length) this.spans = grown(this.spans)
        this.spans[place++] = from
        this.spans[place++] = to
      }
      const found = (place - first) / 2
      const isBlank = found === 1 && this.spans[first] === this.spans[first + 1]
      if (isBlank) place = first
      else {
        if (cells !== undefined && found !== cells) {
          this.isOdd = true
          return
        }
        for (const cell of doubled ?? []) this.spans[cell + 1] = halved(block, this.spans[cell]!, this.spans[cell + 1]!)
        this.cells = found
        this.lines[this.count++] = this.line
      }
      this.line += lineEnds
      this.next = at
      this.delimiterAt = delimiterAt
      this.endAt = endAt
    }
  }
}

const grown = (spans: Int32Array): Int32Array<ArrayBuffer> => {
  const larger = new Int32Array(2 * spans.length)
  larger.set(spans)
  return larger
}

/** Makes one quote of two, and gives where the cell then ends. */
const halved = (block: Buffer, start: number, end: number): number => {
  let to = start
  for (let at = start; at < end; at++) {
    const byte = block[at]!
    if (byte === quote) at++
    block[to++] = byte
  }
  return to
}
