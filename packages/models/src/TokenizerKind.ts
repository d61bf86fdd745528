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
  SequencePreTokenizer,
  type Tokenizer as Library,
  WhitespaceSplitPreTokenizer,
} from "@huggingface/tokenizers"
import type * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import * as BertNormalizer from "./BertNormalizer.ts"
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
  model: Schema.Struct({ unk_token: Schema.String, vocab: Schema.Record(Schema.String, Schema.Int) }),
})

const Bpe = Schema.Struct({
  normalizer: Schema.NullOr(Schema.Struct({ type: Schema.Literal("NFC") })),
  pre_tokenizer: Schema.Struct({
    type: Schema.Literal("ByteLevel"),
    add_prefix_space: Schema.Boolean,
    use_regex: Schema.optionalKey(Schema.Literal(true)),
  }),
  model: Schema.Struct({
    vocab: Schema.Record(Schema.String, Schema.Int),
    byte_fallback: Schema.optionalKey(Schema.Literal(false)),
  }),
})

const Unigram = Schema.Struct({
  pre_tokenizer: Schema.Struct({
    type: Schema.Literal("Sequence"),
    pretokenizers: Schema.Tuple([
      Schema.Struct({ type: Schema.Literal("WhitespaceSplit") }),
      Schema.Struct({ type: Schema.Literal("Metaspace") }),
    ]),
  }),
  model: Schema.Struct({
    vocab: Schema.Array(Schema.Tuple([Schema.String, Schema.Finite])),
    unk_id: Schema.Int,
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

const unigram = ({ model }: typeof Unigram.Type): TokenizerKind => ({
  vocabulary: new Map(model.vocab.map(([token], id) => [token, id])),
  unknown: model.vocab[model.unk_id]?.[0] ?? "",
  parts: (text) => text.split(whiteSpace),
  spelled: (words) => words,
  correct: ({ pre_tokenizer }) => {
    if (pre_tokenizer instanceof SequencePreTokenizer) pre_tokenizer.tokenizers[0] = new ExactSplit()
  },
})

type Read = (json: unknown, where: string) => Effect.Effect<TokenizerKind, Problem.Problem>

const reading =
  <A, E>(schema: Schema.Codec<A, E>, make: (file: A) => TokenizerKind): Read =>
  (json, where) =>
    Effect.map(JsonFile.decode(schema, json, where), make)

/** Reads what a kind needs of the file. */
export const read: Readonly<Record<(typeof types)[number], Read>> = {
  WordPiece: reading(WordPiece, wordPiece),
  BPE: reading(Bpe, bpe),
  Unigram: reading(Unigram, unigram),
}
