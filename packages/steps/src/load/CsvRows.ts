/** The rows of a CSV file as papaparse reads them, and what is wrong with one, in a sentence with its place. */
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Source from "@thaw/core/Source"
import Papa from "papaparse"
import * as SourceText from "./SourceText.ts"

/** Rows of cells as they stand in the file one after the other. */
export interface Piece {
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  /** What is wrong with a quote, in the row with this number or behind all of them. */
  readonly problem: { readonly row: number; readonly code: string } | undefined
  /** Whether a cell may hold a line end. */
  readonly hasQuotes: boolean
}

export const lineEndsIn = (row: ReadonlyArray<string>): number => {
  let count = 0
  for (const cell of row) if (cell.includes("\n")) count += cell.split("\n").length - 1
  return count
}

/** Longer rows are taken for a quote that never closes. */
const mostRowLength = 2 ** 28

/** What the text says, piece by piece. */
export async function* parse(text: AsyncIterable<string>, delimiter: string): AsyncGenerator<Piece, void, void> {
  const parser = new Papa.Parser({ delimiter, newline: "\n" })
  let waiting: Array<string> = []
  let waitingLength = 0
  /** A row that a piece does not end is looked at again when twice as much is there: time stays linear in its length. */
  let enough = 0
  const pieceOf = (text: string, isLast: boolean): Piece => {
    const { data, errors, meta } = parser.parse(text, 0, !isLast) as Papa.ParseResult<ReadonlyArray<string>>
    // What a row that goes on lacks may come yet.
    const problem = errors.find(({ type, row }) => type === "Quotes" && (isLast || (row ?? data.length) < data.length))
    const rest = text.slice(meta.cursor)
    waiting = [rest]
    waitingLength = rest.length
    enough = 2 * rest.length
    return {
      rows: data,
      problem: problem && { row: problem.row ?? data.length, code: problem.code },
      hasQuotes: text.includes('"'),
    }
  }
  for await (const piece of text) {
    waiting.push(piece)
    waitingLength += piece.length
    if (waitingLength > mostRowLength) {
      yield { rows: [], problem: { row: 0, code: "MissingQuotes" }, hasQuotes: true }
      return
    }
    if (waitingLength >= enough) yield pieceOf(waiting.join(""), false)
  }
  yield pieceOf(waiting.join(""), true)
}

export const malformed = (source: Source.Located, line: number, code: string): InvalidData =>
  new InvalidData({
    where: SourceText.at(source, line),
    expected: "a quoted cell to end with a quote before the delimiter or the line end",
    got: code === "MissingQuotes" ? "no closing quote" : "text after the closing quote",
    advice: 'Write a quote inside a quoted cell twice ("").',
  })

export const uneven = (
  source: Source.Located,
  line: number,
  header: ReadonlyArray<string>,
  cells: ReadonlyArray<string>,
  delimiter: string,
): InvalidData =>
  new InvalidData({
    where: SourceText.at(source, line),
    expected: `${header.length} cells as in the header`,
    got: `${cells.length}`,
    advice: `Put quotes around cells that contain ${JSON.stringify(delimiter)}.`,
  })

/** Place of a column in the header. */
export const placeOf = (
  source: Source.Located,
  header: ReadonlyArray<string>,
  name: string,
  delimiter: string,
): number => {
  const place = header.indexOf(name)
  if (place >= 0 && header.lastIndexOf(name) === place) return place
  const other = [",", ";", "\t", "|"].find(
    (mark) => mark !== delimiter && header.length === 1 && header[0]!.includes(mark),
  )
  throw new InvalidData({
    where: SourceText.at(source, 1),
    expected: `one column ${JSON.stringify(name)}`,
    got: place >= 0 ? "several" : `the columns ${Problem.list(header)}`,
    advice:
      place >= 0
        ? "Rename all but one."
        : other === undefined
          ? Problem.suggestion(name, header)
          : `The cells seem to be separated by ${JSON.stringify(other)}: set delimiter.`,
  })
}
