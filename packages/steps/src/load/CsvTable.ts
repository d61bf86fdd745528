/**
 * What the records of a CSV file say. Where every record is as RFC 4180 has it, cells stay bytes; from the first on that is
 * not, papaparse reads rows and judges them.
 */
import type * as Source from "@thaw/core/Source"
import { CellColumns, numberOf } from "./CellColumns.ts"
import * as Columns from "./Columns.ts"
import * as CsvRows from "./CsvRows.ts"
import type * as Draft from "./Draft.ts"
import { Lot } from "./Lot.ts"
import * as Records from "./Records.ts"
import * as SourceText from "./SourceText.ts"

/** Longer records are left to papaparse, which holds them once. */
const mostRecordBytes = 2 ** 25

const nothing = Buffer.alloc(0)

/** The file's rows. Throws `InvalidData` naming the line. */
export async function* read(
  source: Source.Located,
  delimiter: string,
  columns: Columns.Columns,
  separator: string,
): AsyncGenerator<Iterable<Draft.Draft> | Lot, void, void> {
  const table = new Table(source, delimiter, columns, separator)
  const blocks = SourceText.blocks(source)
  try {
    const rest = Records.separates(delimiter) && areText(columns) ? yield* table.lots(blocks) : text(nothing, blocks)
    if (rest === undefined) return
    for await (const piece of CsvRows.parse(rest, delimiter)) yield table.drafts(piece)
  } finally {
    await blocks.return(nothing)
  }
}

/** Whether no column stands for something else than its cells' text, but for numbers that are nothing else. */
const areText = (columns: Columns.Columns): boolean => {
  const numbers = new Set(columns.scores.map(([, column]) => column))
  const others = Columns.all({ ...columns, scores: [] })
  return columns.labelSets.length === 0 && !others.some((column) => numbers.has(column))
}

type Blocks = ReturnType<typeof SourceText.blocks>

/** What has been begun and what follows. */
async function* text(begun: Buffer, blocks: Blocks): AsyncGenerator<string, void, void> {
  yield begun.toString("utf8")
  for await (const block of blocks) yield block.toString("utf8")
}

const cellOf = ({ spans, cells }: Records.Records, block: Buffer, row: number, place: number): string => {
  const at = 2 * (row * cells + place)
  return block.toString("utf8", spans[at], spans[at + 1])
}

/** An empty cell says nothing. */
const setOf = (cell: string, separator: string): ReadonlyArray<string> | undefined =>
  cell.trim() === "" ? undefined : cell.split(separator).map((label) => label.trim())

/** A column that is asked for: its place in the header, and what its cells stand for where that is not their text. */
interface Column {
  readonly name: string
  readonly place: number
  readonly valueOf: ((cell: string) => unknown) | undefined
}

class Table {
  private readonly source: Source.Located
  private readonly delimiter: string
  private readonly columns: Columns.Columns
  private readonly separator: string
  private readonly read: ReturnType<typeof Columns.reader>
  private header: ReadonlyArray<string> | undefined
  private asked: ReadonlyArray<Column> = []
  private line = 1
  /** One for all rows: a row's values are read at once. Without a prototype, as any name may be a column's. */
  private readonly fields: Record<string, unknown> = Object.create(null)

  constructor(source: Source.Located, delimiter: string, columns: Columns.Columns, separator: string) {
    this.source = source
    this.delimiter = delimiter
    this.columns = columns
    this.separator = separator
    this.read = Columns.reader(columns, { source, unit: "line" })
  }

  /** Rows that papaparse read. */
  *drafts({ rows, problem, hasQuotes }: CsvRows.Piece): Generator<Draft.Draft, void, void> {
    const { source } = this
    for (let at = 0; at < rows.length; at++) {
      if (problem?.row === at) throw CsvRows.malformed(source, this.line, problem.code)
      const row = rows[at]!
      const { line } = this
      this.line = line + 1 + (hasQuotes ? CsvRows.lineEndsIn(row) : 0)
      if (row.length === 1 && row[0] === "") continue
      if (this.header === undefined) {
        this.begin(row)
        continue
      }
      if (row.length !== this.header.length) throw CsvRows.uneven(source, line, this.header, row, this.delimiter)
      yield this.draft(line, (place) => row[place]!)
    }
    if (problem !== undefined) throw CsvRows.malformed(source, this.line, problem.code)
  }

  /** Records as they stand in the bytes. Gives the text from the record on that is left to papaparse, if one is. */
  async *lots(blocks: Blocks): AsyncGenerator<Iterable<Draft.Draft> | Lot, AsyncIterable<string> | undefined, void> {
    const records = new Records.Records(this.delimiter)
    let block: Buffer = nothing
    while (true) {
      const unused = block.length - records.next
      if (unused > mostRecordBytes) break
      const { value, done } = await blocks.next(unused)
      if (done === true) {
        // The last line need not end.
        block = Buffer.concat([value, Buffer.from("\n")])
        records.begin(block)
        yield* this.found(records, block)
        if (records.next === block.length) return undefined
        block = block.subarray(0, -1)
        break
      }
      block = value
      records.begin(block)
      yield* this.found(records, block)
      if (records.isOdd) break
    }
    this.line = records.line
    return text(block.subarray(records.next), blocks)
  }

  /** The records that are whole in the block. */
  private *found(records: Records.Records, block: Buffer): Generator<Iterable<Draft.Draft> | Lot, void, void> {
    while (this.header === undefined) {
      records.find(1, undefined)
      if (records.count === 0) return
      this.begin(Array.from({ length: records.cells }, (_, place) => cellOf(records, block, 0, place)))
    }
    const { header } = this
    const columns = new CellColumns(this.columns, (name) => header.indexOf(name), header.length)
    do {
      records.find(Records.most, header.length)
      const draft = (row: number) => this.draft(records.lines[row]!, (place) => cellOf(records, block, row, place))
      const filled = columns.fill(records, block)
      for (let start = 0; start < records.count;) {
        let end = start
        while (end < records.count && columns.isOdd[end] === 0) end++
        if (end > start) yield new Lot(filled, records.lines, start, end, draft)
        if (end < records.count) yield [draft(end++)]
        start = end
      }
    } while (records.count > 0 && !records.isOdd)
  }

  private draft(line: number, cell: (place: number) => string): Draft.Draft {
    const { fields } = this
    for (const { name, place, valueOf } of this.asked) {
      fields[name] = valueOf === undefined ? cell(place) : valueOf(cell(place))
    }
    return this.read(line, fields)
  }

  /** Takes a row for the header, unless nothing is in it. */
  private begin(header: ReadonlyArray<string>): void {
    if (header.length === 1 && header[0]!.trim() === "") return
    this.header = header
    const sets = new Set(this.columns.labelSets.map(([, column]) => column))
    const numbers = new Set(this.columns.scores.map(([, column]) => column))
    const setOfCell = (cell: string) => setOf(cell, this.separator)
    this.asked = Columns.all(this.columns).map((name) => ({
      name,
      place: CsvRows.placeOf(this.source, header, name, this.delimiter),
      valueOf: sets.has(name) ? setOfCell : numbers.has(name) ? numberOf : undefined,
    }))
  }
}
