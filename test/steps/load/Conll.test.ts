import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"

type Options = Omit<Parameters<typeof Load.conll.run>[0], "path">

const entities: Options = { tags: { entities: 1 } }

const load = async (content: string, options: Options = entities) => [
  ...Dataset.rowsOf(await outcome(Load.conll.run({ path: file("news.conll", content), ...options }))),
]

describe("Load.conll", () => {
  it("keeps comments that are no task", async () => {
    const rows = await load("# doc = d1\nto\tO\n\n# doc = d2\nhello\tO\n\nbye\tO\n", { ...entities, keep: ["doc"] })
    expect(rows.map(({ kept }) => kept)).toEqual([{ doc: "d1" }, { doc: "d2" }, {}])
  })

  it("reads sentences with labels and ids from their comments", async () => {
    const content =
      "# id = a1\n# intent = travel\nto\tO\nNew York\tB-place\n\n# id = a2\n# intent = \nhello\tO\n\n# id = a3\n# a remark\n#\tO\n"
    expect(await load(content, { ...entities, labels: { goal: "intent" }, id: "id" })).toEqual([
      {
        id: "a1",
        origin: "a1",
        tokens: ["to", "New York"],
        labels: { goal: "travel" },
        tags: { entities: ["O", "B-place"] },
      },
      { id: "a2", origin: "a2", tokens: ["hello"], labels: {}, tags: { entities: ["O"] } },
      { id: "a3", origin: "a3", tokens: ["#"], labels: {}, tags: { entities: ["O"] } },
    ])
  })

  it("reads CoNLL-2003: columns by white space, tags in the last, -DOCSTART-, IOB1", async () => {
    const content =
      "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\nPeter NNP I-NP I-PER\nBlackburn NNP I-NP I-PER\n"
    expect(await load(content, { tags: { entities: -1, pos: 1 } })).toMatchObject([
      { tokens: ["EU", "rejects"], tags: { entities: ["B-ORG", "O"], pos: ["NNP", "VBZ"] } },
      { tokens: ["Peter", "Blackburn"], tags: { entities: ["B-PER", "I-PER"] } },
    ])
  })

  it("reads CoNLL-U: tokens in the second column, ranges and empty nodes left out", async () => {
    const content = "# sent_id = s1\n# text = I don't\n1\tI\tPRON\n2-3\tdon't\t_\n2\tdo\tAUX\n3\tn't\tPART\n3.1\tx\t_\n"
    expect(await load(content, { token: 1, tags: { upos: 2 }, id: "sent_id" })).toMatchObject([
      { id: "s1", tokens: ["I", "do", "n't"], tags: { upos: ["PRON", "AUX", "PART"] } },
    ])
  })

  it("makes BIO of bare types, BIOES and chunks without a B", async () => {
    expect((await load("a PER\nb PER\nc O\n"))[0]!.tags["entities"]).toEqual(["B-PER", "I-PER", "O"])
    expect((await load("a S-PER\nb B-LOC\nc E-LOC\n"))[0]!.tags["entities"]).toEqual(["B-PER", "B-LOC", "I-LOC"])
    expect((await load("a O\nb I-LOC\nc I-PER\n"))[0]!.tags["entities"]).toEqual(["O", "B-LOC", "B-PER"])
  })

  it("takes a column that is empty or _ throughout a sentence as no tags", async () => {
    const rows = await load("a\tB-PER\n\nb\t_\nc\t_\n\nd\t\n")
    expect(rows.map(({ tags }) => tags["entities"])).toEqual([["B-PER"], undefined, undefined])
  })

  it("accepts a byte-order mark, CRLF, several blank lines and comments without a sentence", async () => {
    expect(await load("\uFEFF# head\r\n\r\na O\r\n\r\n \r\nb O")).toHaveLength(2)
  })

  it("refuses the token column as a column of tags, and a task that is named twice", async () => {
    const path = file("news.conll", "# a = x\na O\n")
    for (const options of [{ tags: { entities: -2 } }, { tags: { a: 1 }, labels: { a: "a" } }]) {
      expect(await failure(Load.conll.run({ path, ...options }))).toMatchObject({ _tag: "PipelineInvalid" })
    }
  })

  it("reads back any sentences written in BIO", async () => {
    const word = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((text) => !/[\s\0\p{Cc}]/u.test(text) && !text.startsWith("-DOCSTART-"))
    const kind = fc.constantFrom("PER", "LOC", "time-of-day")
    const chunk = fc.record({ kind: fc.option(kind), words: fc.array(word, { minLength: 1, maxLength: 3 }) })
    const sentence = fc.record({ intent: word, chunks: fc.array(chunk, { minLength: 1, maxLength: 4 }) })
    await fc.assert(
      fc.asyncProperty(fc.array(sentence, { minLength: 1, maxLength: 4 }), async (sentences) => {
        const expected = sentences.map(({ intent, chunks }) => ({
          tokens: chunks.flatMap(({ words }) => words),
          labels: intent === "_" ? {} : { intent },
          tags: {
            entities: chunks.flatMap(({ kind: type, words }) =>
              words.map((_, at) => (type === null ? "O" : `${at === 0 ? "B" : "I"}-${type}`)),
            ),
          },
        }))
        const content = sentences
          .map(({ intent }, at) =>
            [
              `# intent = ${intent}`,
              ...expected[at]!.tokens.map((token, place) => `${token}\t${expected[at]!.tags.entities[place]}`),
            ].join("\n"),
          )
          .join("\n\n")
        expect(await load(content, { ...entities, labels: { intent: "intent" } })).toMatchObject(expected)
      }),
      { numRuns: 50 },
    )
  })

  const bad: ReadonlyArray<readonly [defect: string, content: string, message: string, options?: Options]> = [
    ["an empty file", "", "./news.conll: expected examples, got an empty file."],
    ["comments only", "# intent = x\n", "./news.conll: expected at least one example, got none."],
    [
      "a line that lacks a column",
      "a O\nb\n",
      "./news.conll, line 2: expected 2 columns as in the lines before, got 1.",
    ],
    [
      "a column that is not there",
      "a O\n",
      "./news.conll: expected a column 2 (entities), got 2 columns. 0 is the first column, -1 the last.",
      { tags: { entities: 2 } },
    ],
    [
      "a key that no comment has",
      "# intents = x\na O\n",
      './news.conll: expected comments "# intent = …", got none. Did you mean "intents"?',
      { labels: { intent: "intent" } },
    ],
    [
      "a sentence that is tagged in part",
      "a\tO\nb\t\n",
      './news.conll, line 2: expected a tag for task "entities", which other tokens of the sentence have, got none.',
    ],
    ["an empty token", "a\tO\n\tO\n", "./news.conll, line 2: expected a token, got none."],
    [
      "a bare tag among prefixed ones",
      "a B-PER\n\nb O\nc LOC\n",
      './news.conll, line 4: expected a tag O or with a prefix such as B- or I-, as elsewhere for task "entities", got "LOC".',
    ],
    [
      "an id twice",
      "# id = 1\na O\n\n# id = 1\nb O\n",
      'line 5: expected an id of its own, got "1", which line 2 has already.',
      { id: "id" },
    ],
  ]
  for (const [defect, content, message, options] of bad) {
    it(`refuses ${defect} in a sentence with its place`, async () => {
      const problem = await failure(Load.conll.run({ path: file("news.conll", content), ...(options ?? entities) }))
      expect(problem._tag).toBe("InvalidData")
      expect(problem.message).toContain(message)
    })
  }
})
