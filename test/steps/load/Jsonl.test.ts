import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"

type Options = Omit<Parameters<typeof Load.jsonl.run>[0], "path">

const mood: Options = { text: "text", label: "mood" }
const tagged: Options = { tokens: "tokens", tags: { entities: "ner" } }

const load = async (content: string, options: Options = mood) => [
  ...Dataset.rowsOf(await outcome(Load.jsonl.run({ path: file("moods.jsonl", content), ...options }))),
]

const lines = (...rows: ReadonlyArray<unknown>) => rows.map((row) => `${JSON.stringify(row)}\n`).join("")

describe("Load.jsonl", () => {
  it("takes numbers and booleans as labels in their text form, and null, empty and missing as no label", async () => {
    const rows = await load(
      lines(
        { text: "a", mood: "good" },
        { text: "b", mood: 3 },
        { text: "c", mood: false },
        { text: "d", mood: null },
        { text: "e", mood: "" },
        { text: "f" },
      ),
    )
    expect(rows.map(({ labels }) => labels["mood"])).toEqual(["good", "3", "false", undefined, undefined, undefined])
  })

  it("reads tokens with tags of several tasks and makes BIO of IOB1", async () => {
    const rows = await load(
      lines(
        { words: ["Ann", "met", "Bob"], ner: ["I-PER", "O", "I-PER"], pos: ["NNP", "VBD", "NNP"], n: 7 },
        { words: ["Hi"], ner: [], n: 8 },
      ),
      { tokens: "words", tags: { entities: "ner", pos: "pos" }, id: "n" },
    )
    expect(rows).toEqual([
      {
        id: "7",
        origin: "7",
        tokens: ["Ann", "met", "Bob"],
        labels: {},
        tags: { entities: ["B-PER", "O", "B-PER"], pos: ["NNP", "VBD", "NNP"] },
      },
      { id: "8", origin: "8", tokens: ["Hi"], labels: {}, tags: {} },
    ])
  })

  it("lets fields and tasks be called like what every object inherits", async () => {
    const rows = await load('{"text": "a", "__proto__": "x"}\n{"text": "b", "constructor": "y"}\n', {
      text: "text",
      labels: JSON.parse('{"__proto__": "__proto__", "toString": "constructor"}') as Record<string, string>,
    })
    expect(rows.map(({ labels }) => Object.entries(labels))).toEqual([[["__proto__", "x"]], [["toString", "y"]]])
  })

  it("skips blank lines and accepts a byte-order mark and CRLF", async () => {
    expect(await load(`\uFEFF${lines({ text: "a", mood: "x" })}\r\n\r\n${lines({ text: "b" })}`)).toHaveLength(2)
  })

  it("reads back any text and label that JSON can hold", async () => {
    const word = fc.string({ unit: "binary" }).filter((text) => text.trim() !== "")
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ text: word, mood: word }), { minLength: 1, maxLength: 5 }),
        async (given) => {
          const rows = await load(lines(...given))
          expect(rows.map(({ text, labels }) => [text, labels["mood"]])).toEqual(
            given.map(({ text, mood: label }) => [text, label.trim()]),
          )
        },
      ),
      { numRuns: 50 },
    )
  })

  const bad: ReadonlyArray<readonly [defect: string, content: string, message: string, options?: Options]> = [
    [
      "a line that is not JSON",
      `${lines({ text: "a", mood: "x" })}{"text": \n`,
      "./moods.jsonl, line 2: expected a JSON object, got",
    ],
    [
      "a line that is no object",
      lines({ text: "a", mood: "x" }, ["b"]),
      './moods.jsonl, line 2: expected a JSON object, got ["b"].',
    ],
    [
      "a text that is no string",
      lines({ text: 3, mood: "x" }),
      './moods.jsonl, line 1: expected a string in field "text", got 3.',
    ],
    [
      "a row without the text field",
      lines({ text: "a", mood: "x" }, { txt: "b" }),
      './moods.jsonl, line 2: expected a string in field "text", got nothing. Did you mean "txt"?',
    ],
    [
      "an empty text",
      lines({ text: " ", mood: "x" }),
      "./moods.jsonl, line 1: expected an example with text, got none.",
    ],
    [
      "half a surrogate pair",
      '{"text": "a\\ud800", "mood": "x"}\n',
      "./moods.jsonl, line 1: expected an example with text, got a character that is half a surrogate pair.",
    ],
    [
      "a label field that no row has",
      lines({ text: "a", moods: "x" }),
      './moods.jsonl: expected rows with a field "mood", got none. Did you mean "moods"?',
    ],
    [
      "a label that is a list",
      lines({ text: "a", mood: ["x"] }),
      './moods.jsonl, line 1: expected a string, number or boolean in field "mood", got ["x"].',
    ],
    [
      "tags of another length than tokens",
      lines({ tokens: ["a"], ner: ["O"] }, { tokens: ["a", "b"], ner: ["O"] }),
      './moods.jsonl, line 2: expected a tag per token for task "entities", got 2 tokens and 1 tags.',
      tagged,
    ],
    [
      "tokens that are no list",
      lines({ tokens: "a b", ner: ["O", "O"] }),
      './moods.jsonl, line 1: expected a list of non-empty strings in field "tokens", got "a b".',
      tagged,
    ],
    ["an empty token", lines({ tokens: ["a", ""], ner: ["O", "O"] }), "expected a list of non-empty strings", tagged],
    [
      "no tokens",
      lines({ tokens: [], ner: [] }),
      "./moods.jsonl, line 1: expected an example with text, got none.",
      tagged,
    ],
    [
      "a bare tag among prefixed ones",
      lines({ tokens: ["a"], ner: ["B-PER"] }, { tokens: ["b"], ner: ["PER"] }),
      './moods.jsonl, line 2: expected a tag O or with a prefix such as B- or I-, as elsewhere for task "entities", got "PER".',
      tagged,
    ],
    [
      "an id twice",
      lines({ text: "a", n: 1 }, { text: "b", n: "1" }),
      'line 2: expected an id of its own, got "1", which line 1 has already.',
      { text: "text", id: "n" },
    ],
    [
      "an id that is missing",
      lines({ text: "a", n: 1 }, { text: "b" }),
      "line 2: expected an id of its own, got none.",
      { text: "text", id: "n" },
    ],
  ]
  for (const [defect, content, message, options] of bad) {
    it(`refuses ${defect} in a sentence with its place`, async () => {
      const problem = await failure(Load.jsonl.run({ path: file("moods.jsonl", content), ...(options ?? mood) }))
      expect(problem._tag).toBe("InvalidData")
      expect(problem.message).toContain(message)
    })
  }

  it("refuses text and tokens together, neither, and tags without tokens", async () => {
    const path = file("moods.jsonl", lines({ text: "a", tokens: ["a"] }))
    for (const options of [{ text: "text", tokens: "tokens" }, {}, { text: "text", tags: { entities: "ner" } }]) {
      expect(await failure(Load.jsonl.run({ path, ...options }))).toMatchObject({ _tag: "PipelineInvalid" })
    }
  })
})
