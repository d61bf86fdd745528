/**
 * RoBERTa's byte-level BPE tokenizer as `tokenizer.json`, written from the `vocab.json` and `merges.txt` of an old folder
 * (the layout is the one that huggingface/tokenizers reads and writes, version 1.0).
 */
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import { TokenizerInvalid } from "./Errors.ts"
import * as JsonFile from "./JsonFile.ts"

/** RoBERTa's special tokens. */
export const specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] as const

export interface Files {
  /** Token → id, as JSON. */
  readonly vocabulary: string
  /** Two tokens a line, those merged first standing first, after a line with a version. */
  readonly merges: string
}

const Vocabulary = Schema.Record(Schema.String, Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))

/**
 * @param addPrefixSpace whether a text begins as if a space stood before it
 * @returns the text of a complete `tokenizer.json`
 */
export const tokenizerJson = Effect.fnUntraced(function* (
  { vocabulary, merges: lines }: Files,
  where: string,
  { addPrefixSpace = false }: { readonly addPrefixSpace?: boolean | undefined } = {},
): Effect.fn.Return<string, TokenizerInvalid> {
  const invalid = (file: string, expected: string, got: string) =>
    new TokenizerInvalid({ where: `${where}/${file}`, expected, got, advice: "" })
  const vocab = yield* JsonFile.read(Vocabulary, vocabulary, `${where}/vocab.json`).pipe(
    Effect.mapError((problem) => new TokenizerInvalid({ ...problem })),
  )
  const missing = specials.filter((token) => !Object.hasOwn(vocab, token))
  if (missing.length > 0) {
    const count = Object.keys(vocab).length
    return yield* invalid("vocab.json", `the special tokens ${Problem.list(specials)}`, `${count} tokens without ${Problem.list(missing)}`) // prettier-ignore
  }
  const merges = lines.split(/\r?\n/).filter((line, at) => line !== "" && !(at === 0 && line.startsWith("#version")))
  for (const merge of merges) {
    const [left, right, ...more] = merge.split(" ")
    const parts = [left!, right ?? "", `${left}${right}`]
    if (right === undefined || more.length > 0 || !parts.every((token) => Object.hasOwn(vocab, token))) {
      return yield* invalid("merges.txt", "two tokens of the vocabulary that make a third", JSON.stringify(merge))
    }
  }
  const [cls, , sep, , mask] = specials
  const added = specials.map((content) => ({
    id: vocab[content]!,
    content,
    single_word: false,
    // The mask takes the space before it.
    lstrip: content === mask,
    rstrip: false,
    normalized: false,
    special: true,
  }))
  return JSON.stringify({
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added.sort((a, b) => a.id - b.id),
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true },
    post_processor: {
      type: "RobertaProcessing",
      sep: [sep, vocab[sep]],
      cls: [cls, vocab[cls]],
      trim_offsets: true,
      add_prefix_space: addPrefixSpace,
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
      merges,
    },
  })
})
