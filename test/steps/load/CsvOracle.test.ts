/** Whatever a CSV file holds, its examples, or the line that is refused, are those that papaparse's reading of all of it has. */
import { createHash } from "node:crypto"
import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import { Effect, Result } from "effect"
import fc from "fast-check"
import Papa from "papaparse"
import { describe, expect, it } from "vitest"
import { file } from "../running.ts"

interface Read {
  readonly text: string
  readonly id: string
  readonly labels: Readonly<Record<string, string>>
  readonly scores: Readonly<Record<string, number>>
  readonly kept: Readonly<Record<string, string>>
}

/** What is read, or the line that is refused. */
type Outcome = ReadonlyArray<Read> | number

const columns = { text: "text", label: "topic", score: "stars", keep: ["day"] } as const
/** After how many bytes a block of text ends, and after how many what is read at once. */
const [blockBytes, pieceBytes] = [96 * 2 ** 10, 2 ** 20]

const normalised = (text: string) => text.normalize("NFKC").toLowerCase().replace(/\s+/gu, " ").trim()

const expected = (content: string, delimiter: string): Outcome => {
  const text = content.replace(/^\uFEFF/u, "").replace(/\r\n?/gu, "\n")
  const { data, errors } = new Papa.Parser({ delimiter, newline: "\n" }).parse(text, 0, false) as Papa.ParseResult<
    Array<string>
  >
  const quotes = errors.find(({ type }) => type === "Quotes")
  const malformed = quotes === undefined ? Infinity : (quotes.row ?? data.length)
  const occurrences = new Map<string, number>()
  const read: Array<Read> = []
  let header: ReadonlyArray<string> | undefined
  let line = 1
  for (const [at, row] of data.entries()) {
    if (at === malformed) return line
    const start = line
    line += row.join("").split("\n").length
    if (row.length === 1 && (row[0] === "" || (header === undefined && row[0]!.trim() === ""))) continue
    if (header === undefined) {
      header = row
      continue
    }
    const given = Object.fromEntries(header.map((name, place) => [name, row[place]!]))
    const [words, stars] = [given["text"]!, Number(given["stars"])]
    if (row.length !== header.length || words.trim() === "" || !Number.isFinite(stars)) return start
    const hash = createHash("sha256").update(normalised(words)).digest("hex").slice(0, 16)
    const occurrence = (occurrences.get(hash) ?? 0) + 1
    occurrences.set(hash, occurrence)
    const [topic, day] = [given["topic"]!.trim(), given["day"]!.trim()]
    read.push({
      id: occurrence === 1 ? hash : `${hash}-${occurrence}`,
      text: words,
      labels: topic === "" ? {} : { topic },
      scores: given["stars"]!.trim() === "" ? {} : { stars },
      kept: day === "" ? {} : { day },
    })
  }
  return malformed === Infinity ? read : line
}

const found = async (content: string, delimiter: string): Promise<Outcome> => {
  const path = file("any.csv", content)
  const loaded = Load.csv.run({ path, delimiter, ...columns }) as Effect.Effect<Dataset.Examples, { message: string }>
  const result = await Effect.runPromise(Effect.result(loaded))
  if (Result.isFailure(result)) {
    const { message } = result.failure
    return message.includes("at least one example") ? [] : Number(/^\.\/any\.csv, line (\d+): /u.exec(message)?.[1])
  }
  return Array.from(Dataset.rowsOf(result.success), ({ id, text, labels, scores = {}, kept = {} }) => ({
    id,
    text: text!,
    labels,
    scores,
    kept,
  }))
}

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`

const words = fc
  .array(
    fc.constantFrom(
      "a",
      "B",
      " ",
      "  ",
      "é",
      "😀",
      "\u00A0",
      "\u3000",
      "\uFEFF",
      "ﬁ",
      '"',
      "\n",
      "\r\n",
      ";",
      ",",
      "x".repeat(40),
    ),
    { maxLength: 5 },
  ) // prettier-ignore
  .map((parts) => parts.join(""))
const plain = words.map((cell) => cell.replaceAll(/[",;\r\n]/gu, ""))
const text = plain.map((cell) => `t${cell}`)
const stars = fc.constantFrom("", " ", "1", "-0.5e3", " 7 ", "0x10")
const end = fc.constantFrom("\n", "\r\n", "\r")

/** Rows as they should be, with quotes or without, between line ends of any kind and blank lines. */
const rows = (delimiter: string) =>
  fc
    .array(
      fc.tuple(
        fc
          .tuple(
            fc.oneof(
              text,
              words.map((cell) => quoted(`t${cell}`)),
            ),
            fc.oneof(plain, words.map(quoted)),
            stars,
            plain,
          )
          .map((cells) => cells.join(delimiter)),
        fc.oneof({ weight: 8, arbitrary: end }, { weight: 1, arbitrary: fc.constant("\n\n\r\n") }),
      ),
      { maxLength: 12 },
    )
    .map((lines) => lines.flat().join(""))

/** And what should not be there. */
const odd = fc.constantFrom("", "", '"', "a", "a,b", '"a"b,,,\n', '"a" ,b,,\n', " \n", ",,,\n", "t,,many,\n", '"t\n')

const header = (delimiter: string) => ["text", "topic", "stars", "day"].join(delimiter)
const delimiters = fc.constantFrom(",", ";")

const anyContent = delimiters.chain((delimiter) =>
  fc
    .tuple(fc.constantFrom("", "\uFEFF", "\n", " \r\n"), rows(delimiter), odd, rows(delimiter), fc.boolean())
    .map(([before, first, wrong, second, isOpen]) => {
      const content = `${before}${header(delimiter)}\n${first}${wrong}${second}`
      return { delimiter, content: isOpen ? content.trimEnd() : content }
    }),
)

describe("a CSV file", () => {
  it("is read as papaparse reads all of it, or refused in the line where papaparse finds what is wrong", async () => {
    await fc.assert(
      fc.asyncProperty(anyContent, async ({ content, delimiter }) => {
        expect(await found(content, delimiter)).toEqual(expected(content, delimiter))
      }),
      { numRuns: 250 },
    )
  })

  /** Rows behind one after which so many bytes are left of what ends there. */
  const behind = (rows: string, left: number, end: number): string => {
    const before = `${header(",")}\n`
    return `${before}${"y".repeat(end - before.length - 4 - left)},,,\n${rows}`
  }

  it("is read so wherever in it a piece ends", async () => {
    const tricky = '"té ""q"" 😀",a,1,d\r\n"tx",é,,\rta,"""",,"k"\n\r\n"t\r\nb",,2,\u3000'
    const bytes = Buffer.from(tricky)
    for (let left = 0; left <= bytes.length; left++) {
      // What is read at once ends inside characters and line ends, blocks of it do not.
      const ends =
        left === 0 || bytes[left]! >= 0x80 || bytes[left - 1] === 0x0d ? [blockBytes, pieceBytes] : [blockBytes]
      for (const end of ends) {
        const content = behind(tricky, left, end)
        expect(await found(content, ",")).toEqual(expected(content, ","))
      }
    }
    await fc.assert(
      fc.asyncProperty(rows(","), odd, rows(","), fc.nat(150), async (first, wrong, second, left) => {
        const content = behind(`${first}${wrong}${second}`, left, blockBytes)
        expect(await found(content, ",")).toEqual(expected(content, ","))
      }),
      { numRuns: 60 },
    )
  })

  it("is refused where a byte is no text, wherever that stands", async () => {
    await fc.assert(
      fc.asyncProperty(
        rows(","),
        fc.nat(100),
        fc.nat(),
        fc.constantFrom(0xff, 0x00),
        async (some, left, place, byte) => {
          const content = Buffer.from(behind(some, left, blockBytes))
          const offset = content.length - (place % (content.length - blockBytes + 200))
          const before = content.subarray(0, offset).toString("latin1")
          // Inside a character the one that begins it is the first that is no text.
          fc.pre(offset === content.length || (content[offset]! & 0xc0) !== 0x80)
          const broken = Buffer.concat([content.subarray(0, offset), Buffer.from([byte]), content.subarray(offset)])
          const path = file("broken.csv", broken)
          const loaded = Load.csv.run({ path, ...columns }) as Effect.Effect<Dataset.Examples, { message: string }>
          const line = before.split(/\r\n?|\n/u).length
          const { message } = await Effect.runPromise(Effect.flip(loaded))
          expect(message).toMatch(`./broken.csv, line ${line}: expected text`)
          expect(message).toMatch(`at offset ${offset}.`)
        },
      ),
      { numRuns: 60 },
    )
  })

  it("may have records of any length, which grow over many blocks", async () => {
    const long = ["é\n".repeat(60_000), '"'.repeat(200_000), "b".repeat(3 * 2 ** 20)].map((each) => quoted(`a${each}`))
    const content = `${header(",")}\n${long.map((each, at) => `${each},${at},,`).join("\n")}\nlast,,,`
    expect(await found(content, ",")).toEqual(expected(content, ","))
  })

  it("gives every row of one text an id of its own", async () => {
    const lines = Array.from({ length: 5000 }, (_, at) => `text ${at % 3},,,`)
    const content = `text,topic,stars,day\n${lines.join("\n")}`
    expect(await found(content, ",")).toEqual(expected(content, ","))
  })

  it("may have columns of one name where nobody asks for them", async () => {
    const content = "text,other,topic,stars,other,day\na,1,x,2,3,\n"
    expect(await found(content, ",")).toEqual(expected(content, ","))
  })

  it("has one number in a column that is read as a score and as a label, wherever the row stands", async () => {
    const path = file("both.csv", 'text,stars\na,4.50\n"b" ,4.50\n')
    const loaded = Load.csv.run({ path, text: "text", labels: { level: "stars" }, score: "stars" })
    const examples = await Effect.runPromise(loaded as Effect.Effect<Dataset.Examples>)
    expect(Array.from(Dataset.rowsOf(examples), ({ labels, scores }) => [labels, scores])).toEqual([
      [{ level: "4.5" }, { stars: 4.5 }],
      [{ level: "4.5" }, { stars: 4.5 }],
    ])
  })
})
