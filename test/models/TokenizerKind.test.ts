import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Charsmap from "@thaw/models/Charsmap"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as WordPiece from "@thaw/models/WordPiece"
import { Effect } from "effect"
import fc from "fast-check"
import { Tokenizer as Native } from "tokenizers"
import { describe, expect, it } from "vitest"
import { charsmap, nmtNfkc } from "./charsmap.ts"
import { isNewer } from "./newerUnicode.ts"
import { bpe, unigram } from "./tokenizerFiles.ts"

const data = join(import.meta.dirname, "../../../shared/data")
const run = Effect.runPromise

const load = async (json: string) => ({
  ours: await run(Tokenizer.fromJson(json, undefined, "test")),
  theirs: Native.fromString(json),
})

const torture = [
  "",
  " ",
  "   ",
  "Hello, World!",
  "the  tokenizer   reads \n the text\n\n",
  " leading and trailing ",
  "\tthe\ttext\r\n and",
  "don't they'll WE'VE 'tis 'S s'",
  "naïve café De\u0301ja\u0300 ﬁ ligature ① ½",
  "你好 world 𠀀𠮷x 世界。",
  "a\u00a0b\u3000c\u2003d\u2028e\u0085f\u000bg",
  "a\u200bb\ufeffc\u00ad\u180e",
  "<mask> the <mask>text <s>x</s> </s> <pad> [MASK] the [MASK]",
  "😀 ok👍🏽 👨‍👩‍👧 123abc456 12.5%",
  "e\u0301 \u0301a \u0301",
  "ΑΣ ΟΔΥΣΣΕΥΣ İstanbul ẞ ǅ",
  "    def f(x):\n        return x  # twice  spaced",
  "a\0b \u0001 \ufffd \ue000",
  "x".repeat(300),
]

const precompiled = (table: string) => ({ type: "Precompiled", precompiled_charsmap: table })

const kinds = [
  ["byte-level BPE of RoBERTa's form", bpe({ family: "roberta" })],
  ["byte-level BPE with a space put first", bpe({ family: "roberta", prefixed: true })],
  ["byte-level BPE of ModernBERT's form", bpe({ family: "modernbert" })],
  ["SentencePiece unigram of XLM-R's form", unigram()],
  ["SentencePiece unigram with a table of normalised characters", unigram(precompiled(charsmap(nmtNfkc())))],
] as const

describe.each(kinds)("%s", (_, json) => {
  it.each(torture)("gives %j the ids and types of the native library", async (text) => {
    const { ours, theirs } = await load(json)
    const expected = await theirs.encode(text)
    const encoded = Tokenizer.encode(ours, text, { maxTokens: 512 })
    expect([...encoded.ids]).toEqual(expected.getIds())
    expect([...encoded.typeIds]).toEqual(expected.getTypeIds())
  })

  it("agrees with the native library on arbitrary text", async () => {
    const { ours, theirs } = await load(json)
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom(" ", "  ", "\n", "\t", "'s", "the", " text", "ï", "好", "1", "$", "<mask>", "[MASK]", "</s>"),
        fc.string({ unit: "binary", maxLength: 1 }).filter((character) => !isNewer(character)),
      ),
    })
    await fc.assert(
      fc.asyncProperty(text, async (given) => {
        const sentence = given.replaceAll(/ +\[MASK\]/g, " [MASK]")
        expect([...Tokenizer.encode(ours, sentence, { maxTokens: 10_000 }).ids]).toEqual(
          (await theirs.encode(sentence)).getIds(),
        )
      }),
      { numRuns: 500 },
    )
  })

  it("cuts texts and pairs where the native library cuts them", async () => {
    const { ours, theirs } = await load(json)
    const words = fc.array(fc.constantFrom("the", "tokenizer", "naïve", "x"), { minLength: 1, maxLength: 12 })
    const specials = ours.pair.filter(({ _tag }) => _tag === "Special").length
    await fc.assert(
      fc.asyncProperty(words, words, fc.integer({ min: 2, max: 12 }), async (first, second, half) => {
        // Even room for a pair, see Tokenizer.test.ts.
        const maxTokens = 2 * half + specials
        theirs.setTruncation(maxTokens)
        const pair = await theirs.encode(first.join(" "), second.join(" "))
        const own = Tokenizer.encodePair(ours, first.join(" "), second.join(" "), { maxTokens })
        expect([...own.ids]).toEqual(pair.getIds())
        expect([...own.typeIds]).toEqual(pair.getTypeIds())
        const single = await theirs.encode(first.join(" "))
        expect([...Tokenizer.encode(ours, first.join(" "), { maxTokens }).ids]).toEqual(single.getIds())
      }),
    )
  })

  it("tells the given word of every token, with the ids that the words have as one text", async () => {
    const { ours, theirs } = await load(json)
    const words = ["the", "naïve", "tokenizers,", "don't", "x"]
    const encoded = Tokenizer.encodeWords(ours, words, { maxTokens: 128 })
    const expected = await theirs.encode(words.join(" "))
    expect([...encoded.ids]).toEqual(expected.getIds())
    // Offsets of the native library are into the text; a leading space belongs to the word behind it.
    const ends = words.map((_word, at) => words.slice(0, at + 1).join(" ").length)
    const wordOf = expected
      .getOffsets()
      .map(([, end]) => ends.findIndex((wordEnd) => end! <= wordEnd))
      .slice(1, -1)
    expect([...encoded.words]).toEqual([-1, ...wordOf, -1])
  })

  it.skipIf(!existsSync(data))("gives the native library's ids on real sentences", { timeout: 120_000 }, async () => {
    const { ours, theirs } = await load(json)
    const sentences = ["goemotions/dev.jsonl", "banking77/test.jsonl", "mr_polarity/all.jsonl", "wikigold/all.jsonl"]
      .flatMap((name) => readFileSync(join(data, name), "utf8").trim().split("\n").slice(0, 1500))
      .map((line) => JSON.parse(line) as { text?: string; tokens?: Array<string> })
      .map(({ text, tokens }) => text ?? tokens!.join(" "))
    expect(sentences.length).toBeGreaterThan(5000)
    const expected = await theirs.encodeBatch(sentences)
    const different = sentences.filter(
      (text, at) => Tokenizer.encode(ours, text, { maxTokens: 10_000 }).ids.join() !== expected[at]!.getIds().join(),
    )
    expect(different).toEqual([])
  })
})

describe("differences from the native library", () => {
  it("are added tokens of spaces right before a token that takes the space before it", async () => {
    const { ours, theirs } = await load(bpe({ family: "modernbert" }))
    const spaces = (await theirs.encode("the  x")).getIds()[2]!
    const expected = (await theirs.encode("the  [MASK]")).getIds()
    const got = [...Tokenizer.encode(ours, "the  [MASK]", { maxTokens: 64 }).ids]
    expect(expected).toContain(spaces)
    expect(got).toEqual(expected.filter((id) => id !== spaces))
  })
})

it("WordPiece in RoBERTa's frame, as MPNet has it, gives the native library's pairs and types", async () => {
  const words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "sat"]
  const file = JSON.parse(await run(WordPiece.tokenizerJson(words, "test"))) as Record<string, unknown>
  file["post_processor"] = {
    type: "RobertaProcessing",
    sep: ["[SEP]", 3],
    cls: ["[CLS]", 2],
    trim_offsets: true,
    add_prefix_space: false,
  }
  const { ours, theirs } = await load(JSON.stringify(file))
  const pair = await theirs.encode("the cats", "sat the")
  const own = Tokenizer.encodePair(ours, "the cats", "sat the", { maxTokens: 32 })
  expect([...own.ids]).toEqual(pair.getIds())
  expect([...own.typeIds]).toEqual(pair.getTypeIds())
  expect(own.ids.filter((id) => id === 3)).toHaveLength(3)
})

describe("a table of normalised characters", () => {
  const table = precompiled(charsmap([["é", "e"], ["ﬁ", "fi"], ["a\u0301", "á"], ["\u000b", ""], ["x", "the"]])) // prettier-ignore

  it("is read as the native library reads it: clusters of few bytes as a whole, by their shortest beginning", async () => {
    const { ours, theirs } = await load(unigram(table))
    // "é" with a mark is looked up as one, found by its beginning, and the mark goes; six bytes are looked up one by one.
    for (const text of [
      "éx",
      "é\u0301 the",
      "a\u0301x",
      "ﬁ\u0301\u0301 ﬁ",
      "t\u000bhe",
      "\u00a0\u0301x the \u0301x",
      "x y",
    ]) {
      const expected = (await theirs.encode(text)).getIds()
      expect([...Tokenizer.encode(ours, text, { maxTokens: 64 }).ids], text).toEqual(expected)
    }
  })

  it("may be one of several normalisers", async () => {
    const lowercase = { type: "Lowercase" }
    const { ours, theirs } = await load(unigram({ type: "Sequence", normalizers: [lowercase, table] }))
    const expected = (await theirs.encode("X ÉX THE")).getIds()
    expect([...Tokenizer.encode(ours, "X ÉX THE", { maxTokens: 64 }).ids]).toEqual(expected)
  })

  it("whatever its bytes are: in a sentence or an answer, and never otherwise", async () => {
    const good = Buffer.from(table.precompiled_charsmap, "base64")
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.nat(255), async (at, byte) => {
        const bytes = Buffer.from(good)
        bytes[at] = byte
        const parsed = await run(Effect.result(Charsmap.parse(bytes.toString("base64"), "x")))
        if (parsed._tag === "Success") expect(typeof parsed.success("éx a\u0301 ﬁ the")).toBe("string")
      }),
      { numRuns: 300 },
    )
  })
})

describe("settings of other kinds", () => {
  it("have the padding token of RoBERTa where none is told", async () => {
    expect((await load(bpe({ family: "roberta" }))).ours.padId).toBe(1)
    expect((await load(bpe({ family: "modernbert" }))).ours.padId).toBe(1)
    expect((await load(unigram())).ours.padId).toBe(1)
  })

  it.each<[string, string, (file: Record<string, unknown>) => void, RegExp]>([
    [
      "another normaliser of BPE",
      bpe({ family: "roberta" }),
      (file) => (file["normalizer"] = { type: "Lowercase" }),
      /tokenizer\.json, normalizer: expected .*"NFC".*, got \{"type":"Lowercase"\}\. Read are/,
    ],
    [
      "BPE that is not of bytes",
      bpe({ family: "roberta" }),
      (file) => (file["pre_tokenizer"] = { type: "Whitespace" }),
      /tokenizer\.json, pre_tokenizer\.type: expected "ByteLevel", got "Whitespace"\. Read are/,
    ],
    [
      "unigram whose pieces cross white space",
      unigram(),
      (file) => (file["pre_tokenizer"] = { type: "Metaspace", replacement: "▁" }),
      /tokenizer\.json, pre_tokenizer\.type: expected "Sequence", got "Metaspace"\. Read are/,
    ],
    [
      "a table of normalised characters that is none",
      unigram(precompiled(Buffer.from([255, 255, 255, 255, 0]).toString("base64"))),
      () => undefined,
      /^folder, tokenizer\.json, normalizer\.precompiled_charsmap: expected a table of normalised characters, got 5 bytes, whose trie would have 4294967295\. Read are/,
    ],
    [
      "unigram without its unknown token",
      unigram(),
      (file) => (file["model"] = { ...(file["model"] as object), unk_id: 9999 }),
      /expected the unknown token "" in the vocabulary/,
    ],
  ])("with %s are refused with a sentence", async (_, json, change, sentence) => {
    const file = JSON.parse(json) as Record<string, unknown>
    change(file)
    const problem = await run(Effect.flip(Tokenizer.fromJson(JSON.stringify(file), undefined, "folder")))
    expect(problem.message).toMatch(sentence)
  })
})
