/** What holds for every copy, over generated examples, operations and seeds. */
import type * as Dataset from "@thaw/core/Dataset"
import * as Chunk from "@thaw/steps/Chunk"
import * as NormalisedText from "@thaw/steps/NormalisedText"
import * as Copies from "@thaw/steps/augment/Copies"
import * as Mentions from "@thaw/steps/augment/edits/Mentions"
import type * as Operation from "@thaw/steps/augment/Operation"
import * as Sentence from "@thaw/steps/augment/Sentence"
import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as Making from "./making.ts"

const amount = fc.record({ p: fc.double({ min: 0, max: 1, noNaN: true }) })

const leaf: fc.Arbitrary<Operation.Operation> = fc.oneof(
  amount.map(({ p }) => ({ _tag: "synonyms", source: "made up", p, stopWords: [] }) as const),
  amount.map(({ p }) => ({ _tag: "insert", source: "made up", p, stopWords: [] }) as const),
  amount.map(({ p }) => ({ _tag: "swap", p }) as const),
  amount.map(({ p }) => ({ _tag: "delete", p }) as const),
  amount.map(({ p }) => ({ _tag: "characters", p }) as const),
  amount.map(({ p }) => ({ _tag: "typos", p }) as const),
)

const tree = (leaves: fc.Arbitrary<Operation.Operation>): fc.Arbitrary<Operation.Operation> =>
  fc.oneof(
    leaves,
    fc.array(leaves, { minLength: 1, maxLength: 4 }).map((of) => ({ _tag: "sequence", of }) as const),
    fc.array(leaves, { minLength: 1, maxLength: 4 }).map((of) => ({ _tag: "oneOf", of }) as const),
    leaves.map((of) => ({ _tag: "sometimes", p: 0.7, of }) as const),
  )

const token = fc.constantFrom("xa", "Xbc", "XD", "the", "York", "Ada", ",", ".", "don't", "42", "naïve", "—")

/** Tokens with chunks of two types, side by side and apart, in two columns that do not know of each other. */
const tagged = fc
  .array(
    fc.record({
      token,
      ner: fc.constantFrom("O", "B-PER", "B-LOC", "go on"),
      phrase: fc.constantFrom("O", "B-NP", "go on"),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((rows) => {
    const bio = (column: ReadonlyArray<string>) =>
      column.reduce<Array<string>>((tags, tag) => {
        const before = tags.at(-1) ?? "O"
        tags.push(tag !== "go on" ? tag : before === "O" ? "O" : `I-${before.slice(2)}`)
        return tags
      }, [])
    return Making.tokens(
      "r",
      rows.map((row) => row.token),
      { ner: bio(rows.map(({ ner }) => ner)), phrase: bio(rows.map(({ phrase }) => phrase)) },
    )
  })

const validBio = (tags: ReadonlyArray<string>) =>
  tags.join() === Chunk.toBio(Chunk.readStrict(tags), tags.length).join()

const spans = (row: Dataset.Example, task: string) =>
  Chunk.readStrict(row.tags[task]!).map(({ type, start, end }) => [type, ...row.tokens!.slice(start, end)].join(" "))

it("10,000 cases: tags stay valid, one per token, and every entity keeps its tokens in order", () => {
  fc.assert(
    fc.property(tagged, tree(leaf), fc.nat(), (row, operation, seed) => {
      const { row: made } = Making.copy(operation, row, { seed })
      for (const task of ["ner", "phrase"]) {
        expect(made.tags[task]).toHaveLength(made.tokens!.length)
        expect(validBio(made.tags[task]!)).toBe(true)
        expect(spans(made, task)).toEqual(spans(row, task))
      }
      expect(made.tokens!.length).toBeGreaterThan(0)
      expect(made.tokens!.every((word) => word !== "")).toBe(true)
    }),
    { numRuns: 10_000 },
  )
}, 120_000)

it("2,000 cases: replaced mentions come from the training part with tags that stay valid, and no other token changes", () => {
  fc.assert(
    fc.property(fc.array(tagged, { minLength: 1, maxLength: 5 }), fc.nat(), (rows, seed) => {
      const sentences = rows.map(({ tokens = [], tags }) => Sentence.ofTokens(tokens, tags, new Set()))
      const collected = Mentions.collect(sentences, "ner")
      const known = new Set(rows.flatMap((row) => spans(row, "ner")))
      for (const row of rows) {
        const mentions = new Map([["ner", collected]])
        const { row: made } = Making.copy({ _tag: "mentions", task: "ner", p: 0.5 }, row, { seed, mentions })
        for (const task of ["ner", "phrase"]) expect(validBio(made.tags[task]!)).toBe(true)
        for (const span of spans(made, "ner")) expect(known).toContain(span)
        const types = (copy: Dataset.Example) => Chunk.readStrict(copy.tags["ner"]!).map(({ type }) => type)
        expect(types(made)).toEqual(types(row))
        const outside = (copy: Dataset.Example) => copy.tokens!.filter((_, at) => copy.tags["ner"]![at] === "O")
        expect(outside(made)).toEqual(outside(row))
      }
    }),
    { numRuns: 2000 },
  )
}, 120_000)

const spoken = fc.array(fc.constantFrom("xa", "Xbc", "the", "don't", "naïve", "42"), { maxLength: 9 })
const sentence = fc.tuple(spoken, fc.constantFrom(" ", ", ", "  ", " — ")).map(([words, gap]) => words.join(gap))

it("3,000 cases: of a text only words that may change do, and none is copied as it was", () => {
  fc.assert(
    fc.property(sentence, tree(leaf), fc.nat(), fc.integer({ min: 1, max: 4 }), (text, operation, seed, count) => {
      const row = Making.text("r", text)
      const copies = Array.from({ length: count }, (_, at) =>
        Making.copy(operation, row, { seed, number: at + 1, protect: ["don't"] }),
      )
      const quoted = (copy: Dataset.Example) => (copy.text!.match(/don't/gu) ?? []).length
      for (const copy of copies) expect(quoted(copy.row)).toBeGreaterThanOrEqual(quoted(row))
      const { kept, equalToOrigin, equalToAnother } = Copies.distinct(copies, [row])
      const keys = kept.map((copy) => NormalisedText.ofExample(copy.row))
      expect(keys).not.toContain(NormalisedText.ofExample(row))
      expect(new Set(keys).size).toBe(keys.length)
      expect(kept.length + equalToOrigin + equalToAnother).toBe(count)
    }),
    { numRuns: 3000 },
  )
}, 120_000)

it("a text that nothing changes is put together as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
      expect(Sentence.textOf(Sentence.ofText(text, new Set()))).toBe(text)
    }),
    { numRuns: 2000 },
  )
})
