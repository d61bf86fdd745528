/** What columns of lists, and of lists of lists, are where text, tokens, labels and tags are asked for: in all formats. */
import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import * as Arrow from "apache-arrow"
import { parquetWriteBuffer } from "hyparquet-writer"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"

type Write = Parameters<typeof parquetWriteBuffer>[0]
type Options = Omit<Parameters<typeof Load.jsonl.run>[0], "path">

const columns = {
  text: ["Rain again.", "Hail."],
  words: [["Rain", "again"], ["Hail"]],
  tags: [["B-w", "O"], ["O"]],
  inner: [[["Rain", "again"]], [["Hail"], []]],
  holes: [["Rain", null], ["Hail"]],
}
type Column = keyof typeof columns

const jsonl = () => {
  const row = (at: number) =>
    JSON.stringify(Object.fromEntries(Object.entries(columns).map(([name, of]) => [name, of[at]])))
  return `${row(0)}\n${row(1)}\n`
}

const arrow = () => {
  const text = new Arrow.Utf8()
  const listOf = (type: Arrow.DataType) => new Arrow.List(new Arrow.Field("item", type))
  const types = { text, words: listOf(text), tags: listOf(text), inner: listOf(listOf(text)), holes: listOf(text) }
  const vectors = Object.entries(columns).map(([name, of]) => [
    name,
    Arrow.vectorFromArray(of as ReadonlyArray<unknown>, types[name as Column]),
  ])
  return Arrow.tableToIPC(new Arrow.Table(Object.fromEntries(vectors) as Record<string, Arrow.Vector>))
}

const parquet = () => {
  const text = (name: string) =>
    ({ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" }) as const
  type Element = NonNullable<Write["schema"]>[number]
  const list = (name: string, of: ReadonlyArray<Element>): ReadonlyArray<Element> => [
    { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    ...of,
  ]
  const element = [text("element")]
  const schema = [
    { name: "root", num_children: 5 },
    text("text"),
    ...list("words", element),
    ...list("tags", element),
    ...list("inner", list("element", element)),
    ...list("holes", element),
  ]
  return Buffer.from(
    parquetWriteBuffer({ schema, columnData: Object.entries(columns).map(([name, data]) => ({ name, data })) }),
  )
}

const formats = [
  ["jsonl", Load.jsonl, file("rows.jsonl", jsonl()), "./rows.jsonl, line 1"],
  ["arrow", Load.arrow, file("rows.arrow", arrow()), "./rows.arrow, row 1"],
  ["parquet", Load.parquet, file("rows.parquet", parquet()), "./rows.parquet, row 1"],
] as const

describe.each(formats)("lists in %s", (_, { run }, path, where) => {
  const rows = async (options: Options) => [...Dataset.rowsOf(await outcome(run({ path, ...options })))]
  const message = async (options: Options) => (await failure(run({ path, ...options }))).message

  it("are tokens, tags and label sets", async () => {
    const tagged = await rows({ tokens: "words", tags: { what: "tags" } })
    expect(tagged.map(({ tokens, tags }) => [tokens, tags["what"]])).toEqual([
      [
        ["Rain", "again"],
        ["B-w", "O"],
      ],
      [["Hail"], ["O"]],
    ])
    const sets = await rows({ text: "text", labelSets: { about: "words" } })
    expect(sets.map(({ text, labelSets }) => [text, labelSets!["about"]])).toEqual([
      ["Rain again.", ["Rain", "again"]],
      ["Hail.", ["Hail"]],
    ])
  })

  it("are no text, no label, no score and no id", async () => {
    const got = 'got ["Rain","again"].'
    expect(await message({ text: "words" })).toBe(`${where}: expected a string in field "words", ${got}`)
    for (const role of [{ label: "words" }, { id: "words" }, { keep: ["words"] }]) {
      const expected = 'a string, number or boolean in field "words"'
      expect(await message({ text: "text", ...role })).toBe(`${where}: expected ${expected}, ${got}`)
    }
    expect(await message({ text: "text", score: "words" })).toBe(`${where}: expected a number in field "words", ${got}`)
  })

  it.each([
    ["of lists", "inner", '[["Rain","again"]]'],
    ["with nothing among the items", "holes", '["Rain",null]'],
  ] as const)("%s are nothing", async (_kind, column, got) => {
    const refused = `${where}: expected a list of non-empty strings in field "${column}", got ${got}.`
    expect(await message({ tokens: column })).toBe(refused)
    expect(await message({ tokens: "words", tags: { what: column } })).toBe(refused)
    expect(await message({ text: "text", labelSets: { about: column } })).toBe(refused)
  })
})
