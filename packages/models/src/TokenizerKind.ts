/**
 * The kinds of `tokenizer.json` that can be read, and what each of them cuts a text into before tokens are looked for. No
 * token crosses such a cut, so parts are encoded one by one and remembered:
 *
 * ```
 * WordPiece   BERT, MPNet, ELECTRA   words between white space
 * BPE         RoBERTa, ModernBERT    words with the space before them; other white space stays inside a part
 * Unigram     XLM-R                  words between white space
 * ```
 *
 * One thing is read otherwise than the native library does: an added token of spaces, as ModernBERT has, is left out
 * where it stands right before a token that takes the space before it, such as `[MASK]`.
 */
import {
  BertNormalizer as LibraryNormalizer,
  ByteLevelPreTokenizer,
  PrecompiledNormalizer,
  SequenceNormalizer,
  SequencePreTokenizer,
  type Tokenizer as Library,
  WhitespaceSplitPreTokenizer,
} from "@huggingface/tokenizers"
import type * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import * as BertNormalizer from "./BertNormalizer.ts"
import * as Charsmap from "./Charsmap.ts"
import * as ConfigJson from "./ConfigJson.ts"
import * as JsonFile from "./JsonFile.ts"

export interface TokenizerKind {
  /** Ids by token, added tokens left out. */
  readonly vocabulary: ReadonlyMap<string, number>
  /** The token of what is not in the vocabulary, for kinds that have one. */
  readonly unknown: string | undefined
  /** Cuts a text. */
  readonly parts: (text: string) => ReadonlyArray<string>
  /** Given words as parts of a text. */
  readonly spelled: (words: ReadonlyArray<string>) => ReadonlyArray<string>
  /** Puts right what the library does otherwise than the native one. */
  readonly correct: (library: Library) => void
}

export const types = ["WordPiece", "BPE", "Unigram"] as const

const WordPiece = Schema.Struct({
  normalizer: Schema.Struct({
    type: Schema.Literal("BertNormalizer"),
    clean_text: Schema.Boolean,
    handle_chinese_chars: Schema.Boolean,
    strip_accents: Schema.NullOr(Schema.Boolean),
    lowercase: Schema.Boolean,
  }),
  pre_tokenizer: Schema.Struct({ type: Schema.Literal("BertPreTokenizer") }),
  model: Schema.Struct({ unk_token: Schema.String, vocab: Schema.Record(Schema.String, ConfigJson.Id) }),
})

const Bpe = Schema.Struct({
  normalizer: Schema.NullOr(Schema.Struct({ type: Schema.Literal("NFC") })),
  pre_tokenizer: Schema.Struct({
    type: Schema.Literal("ByteLevel"),
    add_prefix_space: Schema.Boolean,
    use_regex: Schema.optionalKey(Schema.Literal(true)),
  }),
  model: Schema.Struct({
    vocab: Schema.Record(Schema.String, ConfigJson.Id),
    byte_fallback: Schema.optionalKey(Schema.Literal(false)),
  }),
})

const Precompiled = Schema.Struct({ type: Schema.Literal("Precompiled"), precompiled_charsmap: Schema.String })
const Normalizer = Schema.Union([
  Precompiled,
  Schema.Struct({
    type: Schema.Literal("Sequence"),
    normalizers: Schema.Array(Schema.Union([Precompiled, Schema.Struct({ type: Schema.String })])),
  }),
  Schema.Struct({ type: Schema.String }),
])

const Unigram = Schema.Struct({
  normalizer: Schema.optionalKey(Schema.NullOr(Normalizer)),
  pre_tokenizer: Schema.Struct({
    type: Schema.Literal("Sequence"),
    pretokenizers: Schema.Tuple([
      Schema.Struct({ type: Schema.Literal("WhitespaceSplit") }),
      Schema.Struct({ type: Schema.Literal("Metaspace") }),
    ]),
  }),
  model: Schema.Struct({
    vocab: Schema.Array(Schema.Tuple([Schema.String, Schema.Finite])),
    unk_id: ConfigJson.Id,
  }),
})

/** The library's normaliser with our rules: its own breaks final Σ and CJK characters beyond U+FFFF. */
class ExactNormalizer extends LibraryNormalizer {
  readonly options: BertNormalizer.Options
  constructor(options: BertNormalizer.Options) {
    super({ type: "BertNormalizer" })
    this.options = options
  }
  override normalize(text: string): string {
    return BertNormalizer.normalize(text, this.options)
  }
}

/** What upstream's normaliser turns into a space. Other white space is a control character, which it removes. */
const bertSpace = /[\t\n\r\p{Zs}\u2028\u2029]+/u
const whiteSpace = /\p{White_Space}+/u

const spaces = Array.from({ length: 0x10000 }, (_, point) => String.fromCharCode(point)).filter((character) =>
  whiteSpace.test(character),
)

/**
 * White space that stays some and that no mark stands on: tables may remove a character such as U+000B, and they are asked
 * for a space and its mark as one.
 */
const cutAt = (maps: ReadonlyArray<Charsmap.Charsmap>): RegExp => {
  const kept = spaces.filter((character) => whiteSpace.test(maps.reduce((text, map) => map(text), character)))
  const codes = kept.map((character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)
  return new RegExp(`[${codes.join("")}]+(?![\\p{M}\\u200c\\u200d])`, "u")
}

const wordPiece = ({ normalizer, model }: typeof WordPiece.Type): TokenizerKind => ({
  vocabulary: new Map(Object.entries(model.vocab)),
  unknown: model.unk_token,
  parts: (text) => text.split(bertSpace),
  spelled: (words) => words,
  correct: (library) => {
    library.normalizer = new ExactNormalizer({
      cleanText: normalizer.clean_text,
      handleChineseChars: normalizer.handle_chinese_chars,
      stripAccents: normalizer.strip_accents,
      lowercase: normalizer.lowercase,
    })
  },
})

/** Before a single space that has a word on either side: the pattern below never matches across it. */
const beforeWord = /(?<=\P{White_Space})(?= \P{White_Space})/u

/** GPT-2's pattern with Unicode's white space: JavaScript's has U+FEFF and lacks U+0085. */
const pieces =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu

const bpe = ({ pre_tokenizer, model }: typeof Bpe.Type): TokenizerKind => ({
  vocabulary: new Map(Object.entries(model.vocab)),
  unknown: undefined,
  parts: (text) => text.split(beforeWord),
  spelled: (words) => words.map((word, at) => (at === 0 ? word : ` ${word}`)),
  correct: (library) => {
    const exact = new ByteLevelPreTokenizer({ ...pre_tokenizer, type: "ByteLevel" })
    exact.pattern = pieces
    library.pre_tokenizer = exact
  },
})

/** With Unicode's white space, as above. */
class ExactSplit extends WhitespaceSplitPreTokenizer {
  override pre_tokenize_text(text: string): Array<string> {
    return text.split(whiteSpace).filter((word) => word !== "")
  }
}

/** The library's normaliser by the table of the file: its own has rules of its own in its place. */
class ExactPrecompiled extends PrecompiledNormalizer {
  readonly map: Charsmap.Charsmap
  constructor(table: typeof Precompiled.Type, map: Charsmap.Charsmap) {
    super(table)
    this.map = map
  }
  override normalize(text: string): string {
    return this.map(text)
  }
}

/** @param exact what stands for each normaliser of the file; undefined: the library's own is right */
const unigram = ({ model }: typeof Unigram.Type, exact: ReadonlyArray<ExactPrecompiled | undefined>): TokenizerKind => {
  const cut = cutAt(exact.flatMap((each) => (each === undefined ? [] : [each.map])))
  return {
    vocabulary: new Map(model.vocab.map(([token], id) => [token, id])),
    unknown: model.vocab[model.unk_id]?.[0] ?? "",
    parts: (text) => text.split(cut),
    spelled: (words) => words,
    correct: (library) => {
      const { normalizer, pre_tokenizer } = library
      if (pre_tokenizer instanceof SequencePreTokenizer) pre_tokenizer.tokenizers[0] = new ExactSplit()
      if (normalizer instanceof SequenceNormalizer) {
        for (const [at, own] of exact.entries()) if (own !== undefined) normalizer.normalizers[at] = own
      } else if (exact[0] !== undefined) library.normalizer = exact[0]
    },
  }
}

type Read = (json: unknown, where: string) => Effect.Effect<TokenizerKind, Problem.Problem>

const reading =
  <A, E>(schema: Schema.Codec<A, E>, make: (file: A) => TokenizerKind): Read =>
  (json, where) =>
    Effect.map(JsonFile.decode(schema, json, where), make)

const readUnigram: Read = Effect.fnUntraced(function* (json, where) {
  const file = yield* JsonFile.decode(Unigram, json, where)
  const { normalizer } = file
  const all =
    normalizer === undefined || normalizer === null
      ? []
      : "normalizers" in normalizer
        ? normalizer.normalizers
        : [normalizer]
  const exact: Array<ExactPrecompiled | undefined> = []
  for (const each of all) {
    if (!("precompiled_charsmap" in each)) exact.push(undefined)
    else {
      const at = `${where}, normalizer.precompiled_charsmap`
      exact.push(new ExactPrecompiled(each, yield* Charsmap.parse(each.precompiled_charsmap, at)))
    }
  }
  return unigram(file, exact)
})

/** Reads what a kind needs of the file. */
export const read: Readonly<Record<(typeof types)[number], Read>> = {
  WordPiece: reading(WordPiece, wordPiece),
  BPE: reading(Bpe, bpe),
  Unigram: readUnigram,
}
