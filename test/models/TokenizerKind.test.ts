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
const run = Effect.runPromise

const special = (content: string, id: number, more: object = {}) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
  ...more,
})

/** The characters that stand for bytes: printable ones for themselves, the others from U+0100 on (GPT-2). */
const bytes = (() => {
  const isPrintable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : next++))
})()

/** Byte pairs that stand together most often in the texts, merged one after the other. */
const trainMerges = (texts: ReadonlyArray<string>, count: number): ReadonlyArray<readonly [string, string]> => {
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const word of text.split(/(?= )/)) {
      const spelled = Array.from(new TextEncoder().encode(word), (byte) => bytes[byte]!).join("\0")
      counts.set(spelled, (counts.get(spelled) ?? 0) + 1)
    }
  }
  let words = [...counts].map(([word, times]) => ({ parts: word.split("\0"), times }))
  const merges: Array<readonly [string, string]> = []
  for (let made = 0; made < count; made++) {
    const pairs = new Map<string, number>()
    for (const { parts, times } of words) {
      for (let at = 0; at + 1 < parts.length; at++) {
        const pair = `${parts[at]}\0${parts[at + 1]}`
        pairs.set(pair, (pairs.get(pair) ?? 0) + times)
      }
    }
    const [best] = [...pairs].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    if (best === undefined) break
    const [left, right] = best[0].split("\0") as [string, string]
    merges.push([left, right])
    words = words.map(({ parts, times }) => {
      const joined: Array<string> = []
      for (let at = 0; at < parts.length; at++) {
        const isPair = parts[at] === left && parts[at + 1] === right
        joined.push(isPair ? left + right : parts[at]!)
        if (isPair) at++
      }
      return { parts: joined, times }
    })
  }
  return merges
}

const corpus = [
  "the tokenizer reads the text and the text reads the tokenizer",
  "don't they'll we've I'm he'd it's",
  "numbers 123 456 and 2024, prices of $3.50",
  "naïve café déjà vu, straße, 你好 世界, привет мир",
  "\n\n  indented\ttext\n",
]

interface Choices {
  readonly family: "roberta" | "modernbert"
  readonly prefixed?: boolean
}

/** A file in the form of RoBERTa's or ModernBERT's. */
const bpe = ({ family, prefixed = false }: Choices): string => {
  const merges = trainMerges(corpus, 150)
  const isRoberta = family === "roberta"
  const specials = isRoberta
    ? ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    : ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
  const tokens = [...new Set([...specials, ...bytes, ...merges.map((pair) => pair.join(""))])]
  const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]))
  const [cls, , sep] = specials as [string, string, string]
  const one = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const text = (id: "A" | "B", type: number) => ({ Sequence: { id, type_id: type } })
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...specials.map((token, id) => special(token, id, { lstrip: token === specials[4] })),
      ...(isRoberta ? [] : ["  ", "    "].map((token, at) => special(token, tokens.length + at, { special: false }))),
    ],
    normalizer: isRoberta ? null : { type: "NFC" },
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: prefixed, trim_offsets: true, use_regex: true },
    post_processor: isRoberta
      ? { type: "RobertaProcessing", sep: [sep, 2], cls: [cls, 0], trim_offsets: true, add_prefix_space: prefixed }
      : {
          type: "TemplateProcessing",
          single: [one(cls), text("A", 0), one(sep)],
          pair: [one(cls), text("A", 0), one(sep), text("B", 0), one(sep)],
          special_tokens: Object.fromEntries([cls, sep].map((id) => [id, { id, ids: [vocab[id]], tokens: [id] }])),
        },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges: isRoberta ? merges.map((pair) => pair.join(" ")) : merges,
    },
  })
}

/** A file in the form of XLM-R's, but for its table of normalised characters: NFKC stands for it. */
const unigram = (): string => {
  const specials = ["<s>", "<pad>", "</s>", "<unk>"]
  const letters = [...new Set(corpus.join("").normalize("NFKC").replaceAll(/\s/g, ""))]
  const words = [...new Set(corpus.join(" ").match(/\p{L}+/gu))]
  const pieces: ReadonlyArray<readonly [string, number]> = [
    ...specials.map((token) => [token, 0] as const),
    ["▁", -3],
    ...letters.map((letter, at) => [letter, -8 - at / 7] as const),
    ...words.flatMap((word, at) => [
      [`▁${word}`, -6 - at / 11] as const,
      ...(word.length > 3 ? ([[word.slice(-3), -7 - at / 13]] as const) : []),
    ]),
  ]
  const vocab = [...new Map(pieces)]
  const one = (id: string) => ({ SpecialToken: { id, type_id: 0 } })
  const text = (id: "A" | "B") => ({ Sequence: { id, type_id: 0 } })
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [
      ...specials.map((token, id) => special(token, id)),
      special("<mask>", vocab.length, { lstrip: true }),
    ],
    normalizer: { type: "NFKC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "WhitespaceSplit" },
        { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
      ],
    },
    post_processor: {
      type: "TemplateProcessing",
      single: [one("<s>"), text("A"), one("</s>")],
      pair: [one("<s>"), text("A"), one("</s>"), one("</s>"), text("B"), one("</s>")],
      special_tokens: {
        "<s>": { id: "<s>", ids: [0], tokens: ["<s>"] },
        "</s>": { id: "</s>", ids: [2], tokens: ["</s>"] },
      },
    },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    model: { type: "Unigram", unk_id: 3, byte_fallback: false, vocab },
  })
}

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

const kinds = [
  ["byte-level BPE of RoBERTa's form", bpe({ family: "roberta" })],
  ["byte-level BPE with a space put first", bpe({ family: "roberta", prefixed: true })],
  ["byte-level BPE of ModernBERT's form", bpe({ family: "modernbert" })],
  ["SentencePiece unigram of XLM-R's form", unigram()],
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
