/**
 * From text to token ids: a `tokenizer.json` read by `@huggingface/tokenizers`, with truncation, pairs and word
 * indices added, which that library leaves out.
 *
 * Texts are encoded part by part, see `TokenizerKind`, and parts are remembered: the same ids, twice as fast, and every
 * token knows its word.
 */
import { Tokenizer as Library } from "@huggingface/tokenizers"
import type * as Dataset from "@thaw/core/Dataset"
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import { Id } from "./ConfigJson.ts"
import { TokenizerInvalid } from "./Errors.ts"
import * as JsonFile from "./JsonFile.ts"
import * as TokenizerKind from "./TokenizerKind.ts"

export interface Tokenizer {
  /** The text of the `tokenizer.json` it was read from, for checkpoints and exports. */
  readonly json: string
  /** Highest id + 1. */
  readonly vocabularySize: number
  /** Fills batches up. */
  readonly padId: number
  /** Stands for a token that is hidden; undefined where the vocabulary has none. */
  readonly maskId: number | undefined
  /** Added tokens, such as those around a text, and the unknown one: none of them is a word's. */
  readonly specialIds: ReadonlySet<number>
  /** Most tokens that the tokenizer's own settings allow; the encoder's positions may allow fewer. */
  readonly maxTokens: number | undefined
  readonly tokenOf: (id: number) => string | undefined
  readonly parts: TokenizerKind.TokenizerKind["parts"]
  readonly spelled: TokenizerKind.TokenizerKind["spelled"]
  /** Ids of a part or text without special tokens. */
  readonly pieces: (text: string) => ReadonlyArray<number>
  readonly single: Template
  readonly pair: Template
}

/** Where special tokens stand around one text or two. */
export type Template = ReadonlyArray<
  | { readonly _tag: "Special"; readonly id: number; readonly typeId: number }
  | { readonly _tag: "Text"; readonly text: "first" | "second"; readonly typeId: number }
>

/** One encoded example: as many ids as type ids and words. */
export interface Encoded {
  readonly ids: Int32Array
  /** 0 for the first text and 1 for the second, as the template says. */
  readonly typeIds: Int32Array
  /** Index of the part of the text, or of the given word, that a token belongs to; −1 for special tokens. */
  readonly words: Int32Array
}

export interface Limit {
  /** Special tokens included. */
  readonly maxTokens: number
}

const FileJson = Schema.Struct({
  added_tokens: Schema.Array(Schema.Struct({ id: Id, content: Schema.String })),
  post_processor: Schema.Struct({
    type: Schema.Literals(["TemplateProcessing", "BertProcessing", "RobertaProcessing"]),
  }),
  model: Schema.Struct({ type: Schema.Literals(TokenizerKind.types) }),
})
const ConfigJson = Schema.Struct({
  pad_token: Schema.optionalKey(
    Schema.NullOr(Schema.Union([Schema.String, Schema.Struct({ content: Schema.String })])),
  ),
  model_max_length: Schema.optionalKey(Schema.NullOr(Schema.Finite)),
})

const maskTokens = ["[MASK]", "<mask>"] as const

const invalid = (problem: Problem.Problem) =>
  new TokenizerInvalid({
    ...problem,
    advice: "Read are WordPiece of the BERT kind, byte-level BPE and Unigram (SentencePiece) of the XLM-R kind.",
  })

/** Most remembered parts; the memory is emptied when it is full. */
const mostParts = 200_000

/**
 * Reads a tokenizer of one of the kinds of `TokenizerKind`.
 *
 * @param json text of `tokenizer.json`
 * @param config text of `tokenizer_config.json`, for the padding token and the greatest length
 */
export const fromJson = Effect.fnUntraced(function* (
  json: string,
  config: string | undefined,
  where: string,
): Effect.fn.Return<Tokenizer, TokenizerInvalid> {
  const place = `${where}, tokenizer.json`
  const parsed = yield* JsonFile.parse(json, place).pipe(Effect.mapError(invalid))
  const file = yield* JsonFile.decode(FileJson, parsed, place).pipe(Effect.mapError(invalid))
  const kind = yield* TokenizerKind.read[file.model.type](parsed, place).pipe(Effect.mapError(invalid))
  const settings = yield* JsonFile.read(ConfigJson, config ?? "{}", `${where}, tokenizer_config.json`).pipe(
    Effect.mapError(invalid),
  )
  const library = yield* Effect.try({
    try: () => new Library(parsed as object, {}),
    catch: (cause) =>
      new TokenizerInvalid({
        where: `${where}, tokenizer.json`,
        expected: "a tokenizer that can be loaded",
        got: cause instanceof Error ? cause.message : String(cause),
        advice: "",
      }),
  })
  kind.correct(library)
  const ids = new Map(kind.vocabulary)
  for (const { content, id } of file.added_tokens) ids.set(content, id)
  const missing = (token: string, role: string) =>
    new TokenizerInvalid({
      where: `${where}, tokenizer.json`,
      expected: `the ${role} token ${JSON.stringify(token)} in the vocabulary`,
      got: `${ids.size} others`,
      advice: Problem.suggestion(token, ids.keys()),
    })
  if (kind.unknown !== undefined && !ids.has(kind.unknown)) return yield* missing(kind.unknown, "unknown")
  const told = typeof settings.pad_token === "string" ? settings.pad_token : settings.pad_token?.content
  const padToken = told ?? padTokens.find((token) => ids.has(token)) ?? padTokens[0]
  const padId = ids.get(padToken)
  if (padId === undefined) return yield* missing(padToken, "padding")
  // Upstream's has no second type, the library's has.
  const typeIds = file.post_processor.type === "RobertaProcessing" ? () => 0 : (typeId: number) => typeId
  const template = (second: string | null): Template =>
    templateOf(library, ids, second).map((part) => ({ ...part, typeId: typeIds(part.typeId) }))
  const encode = (text: string) => library.encode(text, { add_special_tokens: false }).ids
  const remembered = new Map<string, ReadonlyArray<number>>()
  const maxTokens = settings.model_max_length ?? undefined
  return {
    json,
    vocabularySize: [...ids.values()].reduce((most, id) => Math.max(most, id), -1) + 1,
    padId,
    maskId: maskTokens.flatMap((token) => ids.get(token) ?? [])[0],
    specialIds: new Set([
      padId,
      ...file.added_tokens.map(({ id }) => id),
      ...(kind.unknown === undefined ? [] : [ids.get(kind.unknown)!]),
    ]),
    // Upstream writes 1e30 for "no limit".
    maxTokens: maxTokens !== undefined && maxTokens < 2 ** 31 ? maxTokens : undefined,
    parts: kind.parts,
    spelled: kind.spelled,
    tokenOf: (id) => library.id_to_token(id),
    pieces: (text) => {
      const known = remembered.get(text)
      if (known !== undefined) return known
      const pieces = encode(text)
      if (remembered.size >= mostParts) remembered.clear()
      remembered.set(text, pieces)
      return pieces
    },
    single: template(null),
    pair: template(placeholders.second),
  }
})

/** Where the settings do not say. */
const padTokens = ["[PAD]", "<pad>"] as const

/** Stand for the texts while the library lays out a template; no vocabulary holds a NUL. */
const placeholders = { first: "\0first", second: "\0second" } as const

const templateOf = (library: Library, ids: ReadonlyMap<string, number>, second: string | null): Template => {
  const laid = library.post_processor!([placeholders.first], second === null ? null : [second], true)
  return laid.tokens.map((token, at) => {
    const typeId = laid.token_type_ids?.[at] ?? 0
    if (token === placeholders.first) return { _tag: "Text", text: "first", typeId }
    if (token === placeholders.second) return { _tag: "Text", text: "second", typeId }
    return { _tag: "Special", id: ids.get(token)!, typeId }
  })
}

/** A token of a text and the part it came from. */
interface Piece {
  readonly id: number
  readonly word: number
}

const piecesOf = (tokenizer: Tokenizer, parts: ReadonlyArray<string>): ReadonlyArray<Piece> =>
  parts.flatMap((text, word) => tokenizer.pieces(text).map((id) => ({ id, word })))

/** Encodes one text, cut at its end to the limit. */
export const encode = (tokenizer: Tokenizer, text: string, limit: Limit): Encoded =>
  layOut(tokenizer.single, piecesOf(tokenizer, tokenizer.parts(text)), [], limit)

/** Encodes two texts, the longer one cut first. */
export const encodePair = (tokenizer: Tokenizer, first: string, second: string, limit: Limit): Encoded =>
  layOut(
    tokenizer.pair,
    piecesOf(tokenizer, tokenizer.parts(first)),
    piecesOf(tokenizer, tokenizer.parts(second)),
    limit,
  )

/**
 * Encodes a text that was cut into words already, as labelled tokens are. A word may give several tokens, and none at
 * all when it consists of characters that are removed.
 */
export const encodeWords = (tokenizer: Tokenizer, words: ReadonlyArray<string>, limit: Limit): Encoded =>
  layOut(tokenizer.single, piecesOf(tokenizer, tokenizer.spelled(words)), [], limit)

/** Encodes an example in its own form: words that are apart already, a pair, or one text. */
export const encodeExample = (
  tokenizer: Tokenizer,
  { text = "", pair, tokens }: Pick<Dataset.Example, "text" | "pair" | "tokens">,
  limit: Limit,
): Encoded => {
  if (tokens !== undefined) return encodeWords(tokenizer, tokens, limit)
  return pair === undefined ? encode(tokenizer, text, limit) : encodePair(tokenizer, text, pair, limit)
}

const layOut = (
  template: Template,
  first: ReadonlyArray<Piece>,
  second: ReadonlyArray<Piece>,
  { maxTokens }: Limit,
): Encoded => {
  const specials = template.filter(({ _tag }) => _tag === "Special").length
  const kept = cut(first.length, second.length, Math.max(0, maxTokens - specials))
  const ids: Array<number> = []
  const typeIds: Array<number> = []
  const words: Array<number> = []
  const add = (id: number, typeId: number, word: number) => {
    ids.push(id)
    typeIds.push(typeId)
    words.push(word)
  }
  for (const part of template) {
    if (part._tag === "Special") add(part.id, part.typeId, -1)
    else {
      const pieces = part.text === "first" ? first.slice(0, kept.first) : second.slice(0, kept.second)
      for (const { id, word } of pieces) add(id, part.typeId, word)
    }
  }
  return { ids: Int32Array.from(ids), typeIds: Int32Array.from(typeIds), words: Int32Array.from(words) }
}

/** Upstream's `longest_first`: the longer text gives until both are equally long, then both give; an odd token is the longer's. */
const cut = (first: number, second: number, most: number): { readonly first: number; readonly second: number } => {
  if (first + second <= most) return { first, second }
  const shorter = Math.min(first, second)
  if (2 * shorter <= most) return first > second ? { first: most - second, second } : { first, second: most - first }
  const half = Math.floor(most / 2)
  return first > second ? { first: most - half, second: half } : { first: half, second: most - half }
}
