import * as Seed from "@thaw/core/Seed"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPiece from "@thaw/models/WordPiece"
import * as WordPieceTrainer from "@thaw/models/WordPieceTrainer"
import { Effect } from "effect"
import { Tokenizer as Native } from "tokenizers"
import { describe, expect, it } from "vitest"

const run = Effect.runPromise
const vocabularyOf = (json: string) =>
  Object.entries(JSON.parse(json).model.vocab as Record<string, number>)
    .sort(([, a], [, b]) => a - b)
    .map(([token]) => token)

const texts = [
  "The printer is printing again, but the prints are pale.",
  "Printing stopped: the printer's paper jammed twice today!",
  "Reprint the unprintable page, please — the café's menu.",
  "They printed 250 pages and the printer kept on printing.",
]

describe("training WordPiece", () => {
  it("merges the most frequent pair first, and of equals the earlier", async () => {
    // Words hug ×3, pug ×2, hugs ×1. Characters in order: g h p s u, then the same continued.
    // ##u##g occurs 6 times; then h##ug 4; then p##ug 2; hug##s 1 is below the minimum of 2.
    const json = await run(WordPieceTrainer.train(["hug hug pug", "pug hug hugs"], { vocabularySize: 100 }))
    expect(vocabularyOf(json).slice(WordPiece.specials.length)).toEqual([
      "g",
      "h",
      "p",
      "s",
      "u",
      "##g",
      "##h",
      "##p",
      "##s",
      "##u",
      "##ug",
      "hug",
      "pug",
    ])
  })

  it("counts overlapping repetitions as they are merged, from the left", async () => {
    // aaaaa = a ##a ##a ##a ##a: the pair ##a##a occurs 3 times a word, and gives a ##aa ##aa, then ##aa##aa.
    const json = await run(WordPieceTrainer.train(["aaaaa aaaaa"], { vocabularySize: 100 }))
    expect(vocabularyOf(json).slice(WordPiece.specials.length)).toEqual(["a", "##a", "##aa", "aaa", "aaaaa"])
  })

  it("stops at the wanted size", async () => {
    const json = await run(WordPieceTrainer.train(texts, { vocabularySize: 80 }))
    expect(vocabularyOf(json)).toHaveLength(80)
  })

  it("gives the same vocabulary whatever the order of the texts", async () => {
    const train = (order: ReadonlyArray<string>) => run(WordPieceTrainer.train(order, { vocabularySize: 120 }))
    const first = await train(texts)
    for (let seed = 0; seed < 5; seed++) expect(await train(Seed.stream(Seed.make(seed)).shuffle(texts))).toBe(first)
  })

  it("gives a file that the native library loads with the same ids, and that knows every trained word", async () => {
    const json = await run(WordPieceTrainer.train(texts, { vocabularySize: 150 }))
    const ours = await run(Tokenizer.fromJson(json, undefined, "trained"))
    const theirs = Native.fromString(json)
    for (const text of [...texts, "Unseen words: reprinting Paper-thin çafé 中 zq"]) {
      const encoded = await theirs.encode(text, text.slice(5))
      const own = Tokenizer.encodePair(ours, text, text.slice(5), { maxTokens: 999 })
      expect([...own.ids]).toEqual(encoded.getIds())
      expect([...own.typeIds]).toEqual(encoded.getTypeIds())
    }
    for (const text of texts) expect(Tokenizer.encode(ours, text, { maxTokens: 999 }).ids).not.toContain(1)
    expect(vocabularyOf(json)).toContain("printer")
    expect(Tokenizer.encode(ours, "printer", { maxTokens: 9 }).ids).toHaveLength(3)
  })

  it("leaves the rarest characters to [UNK] when the alphabet is limited", async () => {
    const json = await run(WordPieceTrainer.train(["aa ab ab ac"], { vocabularySize: 50, alphabetSize: 2 }))
    expect(vocabularyOf(json)).not.toContain("c")
    expect(vocabularyOf(json)).toContain("ab")
  })

  it("refuses texts without words and a vocabulary smaller than the alphabet", async () => {
    const problem = (given: ReadonlyArray<string>, vocabularySize: number) =>
      run(Effect.flip(WordPieceTrainer.train(given, { vocabularySize }))).then(({ message }) => message)
    expect(await problem([" ", ""], 100)).toMatch(/training a tokenizer: expected texts with words, got none/)
    expect(await problem(["abc"], 10)).toMatch(/vocabularySize: expected at least 11, .* 3 characters .*, got 10/)
  })
})
