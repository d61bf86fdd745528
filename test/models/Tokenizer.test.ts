import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPiece from "@thaw/models/WordPiece"
import { Effect } from "effect"
import fc from "fast-check"
import { Tokenizer as Native } from "tokenizers"
import { describe, expect, it } from "vitest"
import { isNewer } from "./newerUnicode.ts"

const data = join(import.meta.dirname, "../../../shared/data")
const absent = !existsSync(data)
const run = Effect.runPromise

/** The native library's reading of the same file, without the truncation and padding a file may ask for. */
const native = (json: string) =>
  Native.fromString(JSON.stringify({ ...JSON.parse(json), truncation: null, padding: null }))

const letters = Array.from("abcdefghijklmnopqrstuvwxyz0123456789αςσοδυε你世@,.!?'-$€+|_#[]\"&;:\u0302öß한\u1112")
const vocabulary = [
  ...WordPiece.specials,
  ...letters,
  ...letters.map((letter) => `##${letter}`),
  "the",
  "token",
  "##ize",
  "hello",
  "world",
  "un",
  "##aff",
  "##able",
  "new",
  "𠀀",
  "##😀",
  "😀",
  "mask",
]
const load = async () => {
  const json = await run(WordPiece.tokenizerJson(vocabulary, "test"))
  return { ours: await run(Tokenizer.fromJson(json, undefined, "test")), theirs: native(json) }
}

const torture = [
  "",
  " ",
  "Hello, World!",
  "naïve café É Ǖ",
  "ΑΣ ΟΔΥΣΣΕΥΣ Σ",
  "İstanbul ẞtraße",
  "你好 world 𠀀𠮷x \u{2B830}y 世界",
  "a\u000bb\u000cc\u0085d",
  "a\u200bb\ufeffc\u00ad",
  "a\u2028b\u00a0c\u3000d\u2003e\tf\r\ng",
  "[MASK] hello[SEP]world [mask] [CLS",
  "x".repeat(101),
  "x".repeat(100),
  "😀 ok👍🏽 👨‍👩‍👧",
  "e\u0301 \u0301a",
  "\u0378 unassigned \ue000private \ufffd repl a\0b",
  "don't--stop... (really?) #1|2 foo_bar+baz=$5€7",
  "ﬁ ligature ① № ™ ‘quotes’ “double” – — …",
  "한국어 हिन्दी ไทย",
  "ǅ Ǆ ŉ K Å",
  "unaffable tokenizers unaffableq",
]

describe("a BERT tokenizer", () => {
  it.each(torture)("gives %j the ids and words of the native library", async (text) => {
    const { ours, theirs } = await load()
    const expected = await theirs.encode(text)
    const encoded = Tokenizer.encode(ours, text, { maxTokens: 512 })
    expect([...encoded.ids]).toEqual(expected.getIds())
    expect([...encoded.typeIds]).toEqual(expected.getTypeIds())
  })

  it("agrees with the native library on arbitrary text", async () => {
    const { ours, theirs } = await load()
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(...letters, " ", "A", "É", "##", "[MASK]"),
        fc.string({ unit: "binary", maxLength: 1 }).filter((character) => !isNewer(character)),
      ),
    })
    await fc.assert(
      fc.asyncProperty(text, async (sentence) => {
        expect([...Tokenizer.encode(ours, sentence, { maxTokens: 10_000 }).ids]).toEqual(
          (await theirs.encode(sentence)).getIds(),
        )
      }),
      { numRuns: 500 },
    )
  })

  it("reads every character below U+10000 as the native library does, but for those newer than its tables", async () => {
    const { ours, theirs } = await load()
    const points = Array.from({ length: 0x10000 }, (_, point) => point).filter(
      (point) => point < 0xd800 || point > 0xdfff,
    )
    const texts = points.map((point) => `a${String.fromCodePoint(point)}b`)
    const expected = await theirs.encodeBatch(texts)
    const different = texts.filter(
      (text, at) => Tokenizer.encode(ours, text, { maxTokens: 100 }).ids.join() !== expected[at]!.getIds().join(),
    )
    expect(different.filter((text) => !isNewer(text))).toEqual([])
  })

  it("cuts texts and pairs where the native library cuts them", async () => {
    const { ours, theirs } = await load()
    const words = fc.array(fc.constantFrom("the", "tokenizer", "unaffable", "x"), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(words, words, fc.integer({ min: 2, max: 12 }), async (first, second, half) => {
        // Even room for a pair: who gets an odd token depends on how early the native library stops reading.
        const maxTokens = 2 * half + 1
        theirs.setTruncation(maxTokens)
        const single = await theirs.encode(first.join(" "))
        const pair = await theirs.encode(first.join(" "), second.join(" "))
        const own = Tokenizer.encodePair(ours, first.join(" "), second.join(" "), { maxTokens })
        expect([...Tokenizer.encode(ours, first.join(" "), { maxTokens }).ids]).toEqual(single.getIds())
        expect([...own.ids]).toEqual(pair.getIds())
        expect([...own.typeIds]).toEqual(pair.getTypeIds())
      }),
    )
  })

  it("tells the given word of every token, for words that give several tokens or none", async () => {
    const { ours, theirs } = await load()
    const words = ["Unaffable", "\u200b", "tokenizers", "new-york", "the"]
    const encoded = Tokenizer.encodeWords(ours, words, { maxTokens: 64 })
    // The native library's Node binding takes no word lists: every word is asked for by itself.
    const alone = await Promise.all(words.map((word) => theirs.encode(word, null, { addSpecialTokens: false })))
    expect([...encoded.ids]).toEqual([2, ...alone.flatMap((word) => word.getIds()), 3])
    expect([...encoded.words]).toEqual([-1, ...alone.flatMap((word, at) => word.getIds().map(() => at)), -1])
    expect([...encoded.words].slice(0, 6)).toEqual([-1, 0, 0, 0, 2, 2])
  })

  it.each<[string, (file: { model: Record<string, unknown>; normalizer: unknown }) => void, RegExp]>([
    [
      "another model",
      (file) => (file.model = { type: "WordLevel", vocab: {} }),
      /tokenizer\.json, model\.type: expected "WordPiece" \| "BPE" \| "Unigram", got "WordLevel"\. Read are WordPiece of/,
    ],
    [
      "another normaliser",
      (file) => (file.normalizer = { type: "NFC" }),
      /tokenizer\.json, normalizer\.type: expected "BertNormalizer", got "NFC"/,
    ],
    [
      "no unknown token",
      (file) => (file.model = { ...file.model, unk_token: "[UNKN]" }),
      /expected the unknown token "\[UNKN\]" in the vocabulary.*Did you mean/,
    ],
  ])("with %s is refused with a sentence", async (_, change, sentence) => {
    const file = JSON.parse(await run(WordPiece.tokenizerJson(vocabulary, "test")))
    change(file)
    const problem = await run(Effect.flip(Tokenizer.fromJson(JSON.stringify(file), undefined, "folder")))
    expect(problem.message).toMatch(sentence)
  })

  it("that is no JSON is refused with a sentence", async () => {
    const problem = await run(Effect.flip(Tokenizer.fromJson("{", undefined, "folder")))
    expect(problem.message).toMatch(/^folder, tokenizer\.json: expected JSON, got /)
  })
})

describe.skipIf(absent)("MiniLM's tokenizer on real sentences", () => {
  const read = (name: string) => readFileSync(join(data, name), "utf8")
  const folder = "minilm_folder_no_weights"

  it("gives the native library's ids, and reads its settings", { timeout: 120_000 }, async () => {
    const json = read(`${folder}/tokenizer.json`)
    const ours = await run(Tokenizer.fromJson(json, read(`${folder}/tokenizer_config.json`), folder))
    expect([ours.vocabularySize, ours.padId, ours.maxTokens]).toEqual([30522, 0, 512])
    const theirs = native(json)
    const sentences = ["goemotions/dev.jsonl", "banking77/test.jsonl", "mr_polarity/all.jsonl", "wikigold/all.jsonl"]
      .flatMap((name) => read(name).trim().split("\n").slice(0, 2000))
      .map((line) => JSON.parse(line) as { text?: string; tokens?: Array<string> })
      .map(({ text, tokens }) => text ?? tokens!.join(" "))
    expect(sentences.length).toBeGreaterThan(6000)
    const expected = await theirs.encodeBatch(sentences)
    const different = sentences.filter(
      (text, at) => Tokenizer.encode(ours, text, { maxTokens: 10_000 }).ids.join() !== expected[at]!.getIds().join(),
    )
    expect(different).toEqual([])
  })

  it("is the same when only its vocab.txt is left", async () => {
    const old = await run(WordPiece.tokenizerJson(WordPiece.parseVocabulary(read(`${folder}/vocab.txt`)), folder))
    const file = JSON.parse(read(`${folder}/tokenizer.json`))
    const rebuilt = JSON.parse(old)
    expect(rebuilt.model.vocab).toEqual(file.model.vocab)
    for (const part of ["added_tokens", "normalizer", "pre_tokenizer", "post_processor"]) {
      expect(rebuilt[part], part).toEqual(file[part])
    }
  })
})
