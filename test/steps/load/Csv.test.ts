import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"

type Options = Omit<Parameters<typeof Load.csv.run>[0], "path">

const topic: Options = { text: "text", label: "topic" }

const load = async (content: string | Uint8Array, options: Options = topic, name = "topics.csv") => [
  ...Dataset.rowsOf(await outcome(Load.csv.run({ path: file(name, content), ...options }))),
]

const error = (content: string | Uint8Array, options: Options = topic) =>
  failure(Load.csv.run({ path: file("topics.csv", content), ...options }))

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`

describe("Load.csv", () => {
  it("reads texts and labels by column, whatever the order of columns", async () => {
    const rows = await load('topic,id,text\nweather,1,Rain again.\nservice,2,"Hello, you."\n')
    expect(rows.map(({ text, labels }) => [text, labels])).toEqual([
      ["Rain again.", { topic: "weather" }],
      ["Hello, you.", { topic: "service" }],
    ])
  })

  it("names tasks otherwise than columns, several at once, and takes an empty cell as no label", async () => {
    const rows = await load("text,a,b\none,x,\ntwo, ,y \n", { text: "text", label: "a", labels: { mood: "b" } })
    expect(rows.map(({ labels }) => labels)).toEqual([{ a: "x" }, { mood: "y" }])
  })

  it("takes ids from a column, and the origin is the example itself", async () => {
    const rows = await load("key,text\nk1,one\nk2,two\n", { text: "text", id: "key" })
    expect(rows.map(({ id, origin }) => [id, origin])).toEqual([
      ["k1", "k1"],
      ["k2", "k2"],
    ])
  })

  it("derives ids from content, so rows added elsewhere change none", async () => {
    const few = await load("text,topic\nRain,a\nSun,b\n")
    const more = await load("text,topic\nWind,c\nSun,b\nHail,a\nRain,a\n")
    const idOf = (rows: ReadonlyArray<Dataset.Example>, text: string) => rows.find((row) => row.text === text)?.id
    for (const text of ["Rain", "Sun"]) expect(idOf(more, text)).toBe(idOf(few, text))
  })

  it("numbers the occurrences of one text, and white space and case make no other text", async () => {
    const [first, second, third] = await load("text,topic\nRain  now,a\nrain now,b\nRain,b\n")
    expect(second!.id).toBe(`${first!.id}-2`)
    expect(third!.id).not.toContain(first!.id)
  })

  it("accepts a byte-order mark, mixed line ends, blank lines and a missing last line end", async () => {
    const rows = await load("\uFEFFtext,topic\r\none,a\n\ntwo,b\rthree,c")
    expect(rows.map(({ text }) => text)).toEqual(["one", "two", "three"])
  })

  it("reads a line of 10 MB, quoted or not, and the lines around it", async () => {
    const long = "é, ".repeat(10 * 2 ** 18)
    const rows = await load(`text,topic\none,a\n${quoted(long)},b\n${"x".repeat(10 * 2 ** 20)},c\nlast,d`)
    expect(rows.map(({ text }) => text?.length)).toEqual([3, long.length, 10 * 2 ** 20, 4])
    expect(rows.map(({ labels }) => labels["topic"])).toEqual(["a", "b", "c", "d"])
  })

  it("reads rows wherever the pieces end in which the file is read", async () => {
    // A MiB a piece: characters of several bytes, CR LF and quoted line ends fall on its ends sooner or later.
    const texts = Array.from({ length: 40_000 }, (_, at) => `${"😀é\n".repeat(at % 7)}${"x".repeat(at % 41)} ${at}`)
    const rows = await load(`text\r\n${texts.map(quoted).join("\r\n")}`, { text: "text" })
    expect(rows.map(({ text }) => text)).toEqual(texts)
  })

  it("names the line of what is wrong behind many pieces", async () => {
    const lines = Array.from({ length: 60_000 }, (_, at) => `"a line\nof two ${at}",x`)
    expect((await error(`text,topic\n${lines.join("\n")}\ntoo,many,cells\n`)).message).toContain(
      "./topics.csv, line 120002: expected 2 cells as in the header, got 3.",
    )
    const broken = Buffer.concat([Buffer.from(`text,topic\n${lines.join("\n")}\n`), Buffer.from([0xff])])
    expect((await error(broken)).message).toContain("./topics.csv, line 120002: expected text in UTF-8")
  })

  it("reads pairs, scores and label sets", async () => {
    const rows = await load('q,a,stars,all\nWhy?,So.,4.5,"joy, fear"\nHow?,No.,,\n', {
      text: "q",
      pair: "a",
      score: "stars",
      labelSets: { emotions: "all" },
    })
    expect(rows.map(({ pair, scores, labelSets }) => [pair, scores, labelSets])).toEqual([
      ["So.", { stars: 4.5 }, { emotions: ["joy", "fear"] }],
      ["No.", {}, {}],
    ])
    expect((await error("q,stars\nWhy?,many\n", { text: "q", score: "stars" })).message).toBe(
      './topics.csv, line 2: expected a number in field "stars", got "many".',
    )
  })

  it("reads a third text, which stands beside a second only", async () => {
    const content = "q,a,no\nWhy?,So.,Never.\nHow?,Thus.,\n"
    const rows = await load(content, { text: "q", pair: "a", negative: "no" })
    expect(rows.map(({ text, pair, negative }) => [text, pair, negative])).toEqual([
      ["Why?", "So.", "Never."],
      ["How?", "Thus.", ""],
    ])
    expect((await error(content, { text: "q", negative: "no" })).message).toBe(
      'Load.csv: expected "pair" beside "negative", got "negative" alone. Name the field with the text that belongs with the first.',
    )
  })

  it("separates by tabs in a .tsv file and by what it is told", async () => {
    expect(await load("text\ttopic\na, b\tx\n", topic, "topics.tsv")).toMatchObject([
      { text: "a, b", labels: { topic: "x" } },
    ])
    expect(await load("text;topic\na, b;x\n", { ...topic, delimiter: ";" })).toMatchObject([{ text: "a, b" }])
  })

  it("reads back any cells that were quoted as RFC 4180 says", async () => {
    const cell = fc.string({ unit: "grapheme" }).filter((text) => text.trim() !== "" && !/[\0\r]/u.test(text))
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 5 }),
        fc.constantFrom("\n", "\r\n"),
        async (cells, end) => {
          const lines = [["text", "topic"], ...cells].map((row) => row.map(quoted).join(","))
          const rows = await load(lines.join(end) + end)
          expect(rows.map(({ text, labels }) => [text, labels["topic"]])).toEqual(
            cells.map(([text, label]) => [text, label.trim()]),
          )
          expect(new Set(rows.map(({ id }) => id)).size).toBe(cells.length)
        },
      ),
      { numRuns: 50 },
    )
  })

  it("says that the file is missing", async () => {
    const gone = { path: "/nowhere/topics.csv", written: "./topics.csv" }
    expect(await failure(Load.csv.run({ path: gone, ...topic }))).toMatchObject({
      _tag: "SourceUnreadable",
      message:
        "./topics.csv: expected a readable file, got no such file. Check the path; a relative one is relative to the pipeline's file.",
    })
  })

  const header = "text,topic\n"
  const bad: ReadonlyArray<
    readonly [defect: string, content: string | Uint8Array, message: string, options?: Options]
  > = [
    ["an empty file", "", "./topics.csv: expected examples, got an empty file."],
    ["white space only", " \n\n", "./topics.csv: expected examples, got an empty file."],
    ["a header only", header, "./topics.csv: expected at least one example, got none."],
    [
      "a misspelt column",
      "text,topics\na,b\n",
      './topics.csv, line 1: expected one column "topic", got the columns "text", "topics". Did you mean "topics"?',
    ],
    [
      "a column that is there twice",
      "text,topic,topic\na,b,c\n",
      './topics.csv, line 1: expected one column "topic", got several.',
    ],
    ["another delimiter", "text;topic\na;b\n", 'The cells seem to be separated by ";": set delimiter.'],
    [
      "a broken UTF-8 byte",
      Buffer.concat([Buffer.from("text,topic\nok,a\ncaf"), Buffer.from([0xe9]), Buffer.from(",b\n")]),
      "./topics.csv, line 3: expected text in UTF-8, got the byte 0xE9 at offset 19. Save the file as UTF-8.",
    ],
    [
      "a sequence cut off at the end",
      Buffer.from([...Buffer.from("text,topic\na,"), 0xe2, 0x82]),
      "line 2: expected text in UTF-8, got the byte 0xE2 at offset 13",
    ],
    ["a NUL byte", "text,topic\na\0b,c\n", "./topics.csv, line 2: expected text, got a NUL byte at offset 12."],
    [
      "UTF-16",
      Buffer.from("\uFEFFtext,topic\na,b\n", "utf16le"),
      "expected text in UTF-8, got the byte 0xFF at offset 0",
    ],
    ["a row that is too short", `${header}a,b\nc\n`, "./topics.csv, line 3: expected 2 cells as in the header, got 1."],
    [
      "a row that is too long",
      `${header}"a\nb",x\n\nHi, you,c\n`,
      "./topics.csv, line 5: expected 2 cells as in the header, got 3. Put quotes",
    ],
    [
      "a quote that never closes",
      `${header}a,b\n"c,d\ne,f\n`,
      "./topics.csv, line 3: expected a quoted cell to end with a quote before the delimiter or the line end, got no closing quote.",
    ],
    ["text after a closing quote", `${header}"a" b,c\n`, "./topics.csv, line 2: expected a quoted cell to end"],
    ["a row without text", `${header}a,b\n  ,c\n`, "./topics.csv, line 3: expected an example with text, got none."],
    [
      "an id twice",
      "id,text\n1,a\n2,b\n1,c\n",
      './topics.csv, line 4: expected an id of its own, got "1", which line 2 has already.',
      { text: "text", id: "id" },
    ],
    [
      "an empty id",
      "id,text\n,a\n",
      "./topics.csv, line 2: expected an id of its own, got none.",
      { text: "text", id: "id" },
    ],
  ]
  for (const [defect, content, message, options] of bad) {
    it(`refuses ${defect} in a sentence with its place`, async () => {
      const problem = await error(content, options)
      expect(problem._tag).toBe("InvalidData")
      expect(problem.message).toContain(message)
    })
  }

  it("keeps columns that are no task, where they have a value", async () => {
    const rows = await load("text,topic,customer,day\na,x, k1 ,2024-01-01\nb,y,,2024-01-02\n", {
      ...topic,
      keep: ["customer", "day", "topic"],
    })
    expect(rows.map(({ labels, kept }) => [labels, kept])).toEqual([
      [{ topic: "x" }, { customer: "k1", day: "2024-01-01", topic: "x" }],
      [{ topic: "y" }, { day: "2024-01-02", topic: "y" }],
    ])
    expect((await error("text,topic\na,b\n", { ...topic, keep: ["custmer"] })).message).toContain('"custmer"')
  })

  it("refuses a task that is named twice", async () => {
    expect(await error("text,topic\na,b\n", { ...topic, labels: { topic: "text" } })).toMatchObject({
      _tag: "PipelineInvalid",
    })
  })

  it("fails typed, never with a stack, on any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        const content = Buffer.concat([Buffer.from("text,topic\n"), bytes])
        const path = file("bytes.csv", content)
        const result = await outcome(Load.csv.run({ path, ...topic })).then(
          (dataset) => (Dataset.size(dataset) > 0 ? "examples" : "none"),
          (problem: { _tag: string }) => problem._tag,
        )
        expect(["examples", "InvalidData"]).toContain(result)
      }),
      { numRuns: 100 },
    )
  })
})
