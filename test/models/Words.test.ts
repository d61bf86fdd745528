import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPieceTrainer from "@thaw/models/WordPieceTrainer"
import * as Words from "@thaw/models/Words"
import { Effect } from "effect"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"

describe("words", () => {
  it("end at white space and around punctuation, and know their places", () => {
    const text = " Don't pay $5,\u00a0e.g.\t“here”! "
    const words = Words.of(text)
    expect(words.map((word) => word.text)).toEqual([
      ...["Don", "'", "t", "pay", "$", "5", ",", "e", ".", "g", ".", "“", "here", "”", "!"],
    ])
    for (const word of words) expect(text.slice(word.from, word.to)).toBe(word.text)
  })

  it("keep together what is no punctuation to BERT: symbols beyond ASCII, emoji, control characters", () => {
    expect(Words.of("€5 👍🏽 a\u000bb C♯").map((word) => word.text)).toEqual(["€5", "👍🏽", "a\u000bb", "C♯"])
  })

  it("are none in an empty text", () => {
    expect(Words.of("")).toEqual([])
    expect(Words.of(" \n\u2028")).toEqual([])
  })
})

describe("a text encoded word by word", () => {
  let tokenizer: Tokenizer.Tokenizer
  beforeAll(async () => {
    const texts = ["don't pay €5, e.g. the 'café' naïve 中文 a`b x+y", "Ωμέγα ελλάς — “quoted” (text) 100% [ok]"]
    const json = await Effect.runPromise(WordPieceTrainer.train(texts, { vocabularySize: 200 }))
    tokenizer = await Effect.runPromise(Tokenizer.fromJson(json, undefined, "test"))
  })

  it("has the ids of the whole text, whatever is in it", () => {
    const character = fc.constantFrom(
      ...Array.from("aé'’.,-–$€+%`´\u037e\u1fef中👍\u0301Σσ\u0000\u000b \u00a0\n\u2028[]_"),
      "\u{1f3fd}",
    )
    const text = fc.oneof(fc.string({ unit: character, maxLength: 24 }), fc.string({ unit: "binary", maxLength: 12 }))
    fc.assert(
      fc.property(text, (each) => {
        const limit = { maxTokens: 1000 }
        const words = Words.of(each).map((word) => word.text)
        expect(Tokenizer.encodeWords(tokenizer, words, limit).ids).toEqual(Tokenizer.encode(tokenizer, each, limit).ids)
      }),
      { numRuns: 2000 },
    )
  })
})
