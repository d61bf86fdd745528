import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Artifact from "@thaw/core/Artifact"
import type * as Cells from "@thaw/core/Cells"
import * as Arrow from "apache-arrow"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const tasks = { labels: ["topic", "mood"], tags: ["entities"] }
const row = (id: string, more: Partial<Dataset.Example> = {}): Dataset.Example => ({
  id,
  origin: id,
  text: `text of ${id}`,
  labels: {},
  tags: {},
  ...more,
})
const tokens = (id: string, words: ReadonlyArray<string>, more: Partial<Dataset.Example> = {}): Dataset.Example => ({
  id,
  origin: id,
  tokens: words,
  labels: {},
  tags: {},
  ...more,
})
const written = (dataset: Dataset.Examples) => Effect.runSync(Artifact.write(Dataset.Examples, dataset))
const copied = (dataset: Dataset.Examples) => Effect.runSync(Dataset.Examples.read(written(dataset)))
const bytesOf = (dataset: Dataset.Examples) => Effect.runSync(Artifact.readBytes(written(dataset), "data.arrow"))

const digest = (dataset: Dataset.Examples) => Effect.runSync(Artifact.digest(written(dataset).get("data.arrow")!))

/** Texts as they stand in memory, with something between them. */
const cells = (texts: ReadonlyArray<string | undefined>): Cells.Cells => {
  const pieces = texts.map((text) => Buffer.from(text ?? ""))
  const from = new Int32Array(texts.length)
  const to = new Int32Array(texts.length)
  let at = 1
  for (const [row, piece] of pieces.entries()) {
    from[row] = texts[row] === undefined ? -1 : at
    to[row] = texts[row] === undefined ? -1 : at + piece.length
    at += piece.length + 1
  }
  const bytes = Buffer.alloc(at, "|")
  for (const [row, piece] of pieces.entries()) bytes.set(piece, Math.max(0, from[row]!))
  return { bytes, from, to }
}

const ids = (dataset: Dataset.Dataset) => Array.from(Dataset.rowsOf(dataset), ({ id }) => id)

const word = fc.string({ unit: "grapheme", maxLength: 5 })
const labels = fc.dictionary(fc.constantFrom("topic", "mood"), word).map((given) => ({ ...given }))
const textRows = fc
  .array(fc.record({ text: word, origin: word, labels }), { maxLength: 12 })
  .map((rows) => rows.map(({ text, origin, labels }, index) => row(`r${index}`, { text, origin, labels })))
const tokenRows = fc
  .array(
    fc.record({ pairs: fc.array(fc.tuple(word, fc.constantFrom("O", "B-x", "I-x")), { maxLength: 5 }), tagged: fc.boolean(), labels }), // prettier-ignore
    { minLength: 1, maxLength: 12 },
  )
  .map((rows) =>
    rows.map(
      ({ pairs, tagged, labels }, index) =>
      tokens(`r${index}`, pairs.map(([token]) => token), { labels, tags: tagged ? { entities: pairs.map(([, tag]) => tag) } : {} }), // prettier-ignore
    ),
  )

describe("rows", () => {
  it("come back from a table, and from its file, as they were", () => {
    fc.assert(
      fc.property(fc.oneof(textRows, tokenRows), (rows) => {
        const dataset = Dataset.examples(rows, tasks)
        expect([...Dataset.rowsOf(dataset)]).toEqual(rows)
        expect([...Dataset.rowsOf(copied(dataset))]).toEqual(rows)
        expect(Dataset.tasksOf(copied(dataset))).toEqual(tasks)
        expect(Dataset.size(copied(dataset))).toBe(rows.length)
      }),
    )
  })

  it("give the same bytes whenever they are equal, also after a round trip", () => {
    fc.assert(
      fc.property(fc.oneof(textRows, tokenRows), (rows) => {
        const bytes = bytesOf(Dataset.examples(rows, tasks))
        expect(bytesOf(Dataset.examples(structuredClone(rows), tasks))).toEqual(bytes)
        expect(bytesOf(copied(Dataset.examples(rows, tasks)))).toEqual(bytes)
        expect(bytesOf(Dataset.withRows(copied(Dataset.examples(rows, tasks)), rows))).toEqual(bytes)
      }),
    )
  })

  it("may come by columns, in any order of both ways, where those whose id is taken are told of", () => {
    const some = fc.record({ id: fc.string({ maxLength: 1 }), text: word, pair: word, topic: fc.option(word, { nil: undefined }), stars: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined }), day: fc.option(word, { nil: undefined }) }) // prettier-ignore
    const asked = { labels: ["topic"], tags: [], scores: ["stars"], kept: ["day"] }
    fc.assert(
      fc.property(fc.array(some, { minLength: 1, maxLength: 12 }), fc.nat(3), (given, start) => {
        const expected: Array<Dataset.Example> = []
        const taken: Array<number> = []
        const known = new Set<string>()
        for (const [at, { id, text, pair, topic, stars, day }] of given.entries()) {
          const isKnown = known.has(id)
          if (at >= start && isKnown) taken.push(at)
          const own = at < start || isKnown ? `number ${at}` : id
          expected.push(row(own, { text, pair, labels: topic === undefined ? {} : { topic }, scores: stars === undefined ? {} : { stars }, kept: day === undefined ? {} : { day } })) // prettier-ignore
          known.add(own)
        }
        const first = Math.min(start, given.length)
        const added = Dataset.collector(asked)
        for (const example of expected.slice(0, first)) added.add(example)
        const columns: Cells.Columns = {
          id: cells(given.map(({ id }) => id)),
          text: cells(given.map(({ text }) => text)),
          pair: cells(given.map(({ pair }) => pair)),
          labels: { topic: cells(given.map(({ topic }) => topic)) },
          scores: { stars: Float64Array.from(given, ({ stars }) => stars ?? Number.NaN) },
          kept: { day: cells(given.map(({ day }) => day)) },
        }
        const told: Array<number> = []
        added.addColumns(columns, first, given.length, (at) => {
          told.push(at)
          added.add(expected[at]!)
        })
        const dataset = added.end() as Dataset.Examples
        expect(told).toEqual(taken)
        expect([...Dataset.rowsOf(dataset)]).toEqual(expected)
        expect(bytesOf(dataset)).toEqual(bytesOf(Dataset.examples(expected, asked)))
        for (const [at, { id }] of expected.entries()) expect(added.placeOf(id)).toBe(at)
      }),
    )
  })

  it("keep columns that are no task, under whatever names", () => {
    const rows = [
      row("a", { kept: { customer: "c1", id: "x", "a.b": "ü" } }),
      row("b", { kept: {} }),
      row("c", { kept: { customer: "" } }),
    ]
    const dataset = Dataset.examples(rows, { labels: ["customer"], tags: [], kept: ["customer", "id", "a.b"] })
    for (const each of [dataset, copied(dataset)]) {
      expect([...Dataset.rowsOf(each)]).toEqual(rows)
      expect(Dataset.tasksOf(each)).toEqual({ labels: ["customer"], tags: [], kept: ["customer", "id", "a.b"] })
    }
    const told = (column: string) => Effect.runSync(Effect.flip(Dataset.requireKept(dataset, column, "Split"))).message
    expect(told("custome")).toBe(
      'Split: expected examples with the column "custome" kept, got examples with "customer", "id", "a.b" kept. Did you mean "customer"?',
    )
    expect(told("sent at day")).toBe(
      'Split: expected examples with the column "sent at day" kept, got examples with "customer", "id", "a.b" kept. Pass keep: ["sent at day"] where they are loaded.',
    )
    expect(Effect.runSync(Dataset.requireKept(dataset, "id", "Split"))).toBeUndefined()
  })

  it("may have tasks that are called like columns or like what every object inherits", () => {
    const names = ["id", "text", "constructor", "toString", "task.id"]
    const rows = [row("a", { labels: { id: "x", constructor: "y" } }), row("b")]
    const dataset = Dataset.examples(rows, { labels: names, tags: [] })
    expect([...Dataset.rowsOf(dataset)]).toEqual(rows)
    expect(Dataset.labelsOf(dataset, "toString")).toEqual([])
    expect(Dataset.labelsOf(dataset, "constructor")).toEqual(["y"])
  })

  it.each([
    ["two with one id", [row("a"), row("a")], 'example "a": expected an id of its own, got one that an earlier example has.'], // prettier-ignore
    ["text among tokens", [tokens("a", ["x"]), row("b")], 'example "b": expected tokens, got text. The examples of one dataset have one form.'], // prettier-ignore
    ["tokens among text", [row("a"), tokens("b", ["x"])], 'example "b": expected text, got tokens.'],
    ["both", [tokens("a", ["x"], { text: "x" })], 'example "a": expected tokens, got text and tokens.'],
    ["neither", [{ id: "a", origin: "a", labels: {}, tags: {} }], 'example "a": expected text, got neither.'],
    ["a tag too few", [tokens("a", ["x", "y"], { tags: { entities: ["O"] } })], 'example "a": expected 2 tags for task "entities", one per token, got 1.'], // prettier-ignore
    ["tags on text", [row("a", { tags: { entities: ["O"] } })], 'example "a": expected 0 tags for task "entities", one per token, got 1.'], // prettier-ignore
  ])("are refused: %s", (_, rows, sentence) => {
    expect(() => Dataset.examples(rows, tasks)).toThrow(InvalidData)
    expect(() => Dataset.examples(rows, tasks)).toThrow(sentence)
  })

  it("have every task once", () => {
    expect(() => Dataset.examples([], { labels: ["a"], tags: ["a"] })).toThrow(
      'dataset: expected every task once, got "a" twice.',
    )
  })
})

describe("pairs, label sets and scores", () => {
  const rich = { labels: [], tags: [], labelSets: ["emotions"], scores: ["stars"] }
  it("come back as they were", () => {
    const set = fc.option(fc.array(word, { maxLength: 3 }), { nil: undefined })
    const score = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }), { nil: undefined })
    fc.assert(
      fc.property(fc.array(fc.record({ pair: word, set, score }), { minLength: 1, maxLength: 10 }), (given) => {
        const rows = given.map(({ pair, set: labelled, score: number }, at) =>
          row(`r${at}`, {
            pair,
            labelSets: labelled === undefined ? {} : { emotions: labelled },
            scores: number === undefined ? {} : { stars: number },
          }),
        )
        const dataset = Dataset.examples(rows, rich)
        expect([...Dataset.rowsOf(copied(dataset))]).toEqual(rows)
        expect(Dataset.tasksOf(copied(dataset))).toEqual(rich)
        expect(bytesOf(copied(dataset))).toEqual(bytesOf(dataset))
      }),
    )
  })

  it("may have a third text beside a second, and say whether they do", () => {
    const three = row("a", { pair: "x", negative: "y" })
    const dataset = Dataset.examples([three], rich)
    expect([...Dataset.rowsOf(dataset)]).toEqual([{ ...three, labelSets: {}, scores: {} }])
    const parts = ["pair", "negative"] as const
    expect(parts.map((part) => Dataset.has(dataset, part))).toEqual([true, true])
    expect(parts.map((part) => Dataset.has(Dataset.examples([row("b")], rich), part))).toEqual([false, false])
  })

  it("are refused where some have a second text and some have none, and where a score is no number", () => {
    expect(() => Dataset.examples([row("a", { pair: "x" }), row("b")], rich)).toThrow(
      'example "b": expected text and pair, got text. The examples of one dataset have one form.',
    )
    expect(() => Dataset.examples([row("a", { pair: "x", negative: "y" }), row("b", { pair: "z" })], rich)).toThrow(
      'example "b": expected text, pair and negative, got text and pair. The examples of one dataset have one form.',
    )
    expect(() => Dataset.examples([row("a", { negative: "y" })], rich)).toThrow(
      'example "a": expected text, got text and negative. The examples of one dataset have one form.',
    )
    expect(() => Dataset.examples([row("a", { scores: { stars: Number.NaN } })], rich)).toThrow(
      'example "a": expected a number for task "stars", got NaN.',
    )
  })
})

describe("a dataset that does not fit in memory", () => {
  /** Labels occur first in another order than sorted, and the last in the last row only. */
  const labelOf = (at: number): string => (at === 29_999 ? "aardvark" : `label ${(at * 7) % 11}`)
  function* many(): Generator<Dataset.Example, void, void> {
    for (let at = 0; at < 30_000; at++) {
      const labels = at % 13 === 0 ? {} : { topic: labelOf(at) }
      yield row(`r${at}`, { text: `${at} ${"é".repeat(700)}`, labels })
    }
  }
  const waiting = Dataset.examples(many(), { labels: ["topic"], tags: [] })

  it("waits on a disk and gives back the rows, again and again", () => {
    for (let round = 0; round < 2; round++) {
      const expected = many()
      for (const found of Dataset.rowsOf(waiting)) expect(found).toEqual(expected.next().value)
      expect(expected.next().done).toBe(true)
    }
    expect(Dataset.size(waiting)).toBe(30_000)
    expect(Dataset.labelsOf(waiting, "topic").slice(0, 2)).toEqual(["aardvark", "label 0"])
  })

  it("has the same bytes when it is added by columns", () => {
    const rows = [...many()]
    const added = Dataset.collector({ labels: ["topic"], tags: [] })
    for (let start = 0; start < rows.length; start += 1024) {
      const some = rows.slice(start, start + 1024)
      const given = { id: cells(some.map(({ id }) => id)), text: cells(some.map(({ text }) => text)), labels: { topic: cells(some.map(({ labels }) => labels["topic"])) } } // prettier-ignore
      added.addColumns(given, 0, some.length, () => expect.unreachable())
    }
    expect(digest(added.end() as Dataset.Examples)).toEqual(digest(waiting))
  })

  it("has record batches of a few MiB and the bytes that its rows have, whichever way they came", () => {
    const sizes = Array.from(waiting.recordBatches, ({ numRows }) => numRows)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4096)
    expect(sizes.length).toBeGreaterThan(9)
    const again = Dataset.withRows(waiting, [...many()])
    expect(digest(again)).toEqual(digest(waiting))
    expect(digest(Dataset.filter(waiting, () => true))).toEqual(digest(waiting))
  })
})

describe("the table", () => {
  it("has a role per column and labels as a sorted dictionary, whatever the order of rows", () => {
    const rows = [row("a", { labels: { topic: "weather" } }), row("b", { labels: { topic: "service" } }), row("c")]
    const { schema, recordBatches } = Dataset.examples(rows, tasks)
    const table = new Arrow.Table(schema, [...recordBatches])
    expect(schema.fields.map((field) => [field.name, field.metadata.get("thaw.role")])).toEqual([
      ["id", "id"],
      ["origin", "origin"],
      ["text", "text"],
      ["task.topic", "label"],
      ["task.mood", "label"],
      ["task.entities", "tags"],
    ])
    const topic = table.getChild("task.topic")!
    expect(Arrow.DataType.isDictionary(topic.type)).toBe(true)
    expect([...topic.data[0]!.dictionary!]).toEqual(["service", "weather"])
    expect(topic.nullCount).toBe(1)
  })

  it("is not read from bytes that hold something else", () => {
    const other = Arrow.tableToIPC(Arrow.tableFromArrays({ x: new Int32Array([1]) }), "file")
    for (const bytes of [new Uint8Array(0), new TextEncoder().encode("not arrow at all"), other]) {
      const error = Effect.runSync(Effect.flip(Dataset.Examples.read(new Map([["data.arrow", Artifact.bytes(bytes)]]))))
      expect(error.message).toContain("data.arrow: expected an Arrow IPC file of examples, got ")
    }
  })
})

describe("working with a dataset", () => {
  const dataset = Dataset.examples(
    [
      tokens("a", ["Ada", "sang"], { labels: { topic: "x" }, tags: { entities: ["B-per", "O"] } }),
      tokens("b", ["no"], { labels: { mood: "y" } }),
      tokens("c", ["Bo"], { labels: { topic: "w" }, tags: { entities: ["B-per"] } }),
    ],
    tasks,
  )

  it("filters rows, keeps order and tasks", () => {
    const kept = Dataset.filter(dataset, ({ id }) => id !== "b")
    expect(ids(kept)).toEqual(["a", "c"])
    expect(Dataset.tasksOf(kept)).toEqual(tasks)
    expect(ids(Dataset.filter(dataset, () => false))).toEqual([])
  })

  it("lists the labels and tags that occur", () => {
    expect(Dataset.labelsOf(dataset, "topic")).toEqual(["w", "x"])
    expect(Dataset.labelsOf(dataset, "entities")).toEqual(["B-per", "O"])
    expect(Dataset.labelsOf(dataset, "nothing")).toEqual([])
  })

  it("splits into parts by name", () => {
    const [a, b, c] = Dataset.rowsOf(dataset)
    const parts = Dataset.parts(dataset, { train: [a!, c!], test: [b!] })
    expect(ids(parts.train)).toEqual(["a", "c"])
    expect([...Dataset.rowsOf(parts.test)]).toEqual([b])
  })

  it("says which tasks there are when one is missing", () => {
    const message = (task: string, of: Dataset.Dataset = dataset) =>
      Effect.runSync(Effect.flip(Dataset.requireTask(of, task, "Train"))).message
    expect(message("moods")).toBe(
      'Train: expected examples with labels for task "moods", got examples with labels for "topic", "mood", "entities". Did you mean "mood"?',
    )
    const none = Dataset.examples([row("a")], { labels: [], tags: [] })
    expect(message("mood", none)).toContain("got examples without labels. Name the label column where they are loaded.")
    expect(Effect.runSync(Dataset.requireTask(dataset, "entities", "Train"))).toBeUndefined()
  })

  it("reads an example as one string", () => {
    expect(Array.from(Dataset.rowsOf(dataset), Dataset.textOf)).toEqual(["Ada sang", "no", "Bo"])
  })
})
