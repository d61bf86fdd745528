/**
 * A WordPiece tokenizer as `tokenizer.json`, written from its vocabulary: what a trained tokenizer and an old folder
 * with only `vocab.txt` become (the layout is the one huggingface/tokenizers reads and writes, version 1.0).
 */
import * as Problem from "@thaw/core/Problem"
import { Effect } from "effect"
import * as BertNormalizer from "./BertNormalizer.ts"
import { TokenizerInvalid } from "./Errors.ts"

/** BERT's special tokens in the order in which a new vocabulary lists them. */
export const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const

/** Continues a word: "##ing". */
export const continuation = "##"

/**
 * @param vocabulary tokens in the order of their ids, the special tokens among them
 * @returns the text of a complete `tokenizer.json`
 */
export const tokenizerJson = Effect.fnUntraced(function* (
  vocabulary: ReadonlyArray<string>,
  where: string,
  options: BertNormalizer.Options = BertNormalizer.uncased,
): Effect.fn.Return<string, TokenizerInvalid> {
  const ids = new Map(vocabulary.map((token, id) => [token, id]))
  const missing = specials.filter((token) => !ids.has(token))
  if (missing.length > 0) {
    return yield* new TokenizerInvalid({
      where,
      expected: `the special tokens ${Problem.list(specials)} in the vocabulary`,
      got: `${vocabulary.length} tokens without ${Problem.list(missing)}`,
      advice: "",
    })
  }
  if (ids.size < vocabulary.length) {
    const twice = vocabulary.filter((token, id) => ids.get(token) !== id)
    return yield* new TokenizerInvalid({
      where,
      expected: "every token once",
      got: `${Problem.list(twice)} more than once`,
      advice: "",
    })
  }
  const special = (token: (typeof specials)[number], type: number) => ({ SpecialToken: { id: token, type_id: type } })
  const first = [special("[CLS]", 0), { Sequence: { id: "A", type_id: 0 } }, special("[SEP]", 0)]
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specials
      .map((content) => ({
        id: ids.get(content)!,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      }))
      .sort((a, b) => a.id - b.id),
    normalizer: {
      type: "BertNormalizer",
      clean_text: options.cleanText,
      handle_chinese_chars: options.handleChineseChars,
      strip_accents: options.stripAccents,
      lowercase: options.lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: first,
      pair: [...first, { Sequence: { id: "B", type_id: 1 } }, special("[SEP]", 1)],
      special_tokens: Object.fromEntries(
        (["[CLS]", "[SEP]"] as const).map((token) => [token, { id: token, ids: [ids.get(token)!], tokens: [token] }]),
      ),
    },
    decoder: { type: "WordPiece", prefix: continuation, cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: continuation,
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  })
})

/** Reads `vocab.txt`: one token a line, its line is its id. */
export const parseVocabulary = (text: string): ReadonlyArray<string> => {
  const lines = text.split(/\r?\n/)
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines
}
