/**
 * Words of a text as BERT's pre-tokenizer cuts it: at white space, and before and after every punctuation mark
 * (google-research/bert `tokenization.py`, `_run_split_on_punc`; characters as huggingface/tokenizers counts them).
 *
 * No token is formed across such a cut, so a text encoded word by word has the ids of the text encoded as a whole, and
 * every answer for a word has its place in the text.
 */

export interface Word {
  readonly text: string
  /** Offsets in UTF-16 code units, as `String.prototype.slice` takes them. */
  readonly from: number
  readonly to: number
}

// Symbols such as `$` and `+` are punctuation in ASCII only; \v, \f and the like are removed later and cut nothing.
const punctuation = String.raw`\p{P}!-/:-@\[-${"`"}\{-~`
const white = String.raw`\t\n\r\p{Zs}\u2028\u2029`
const word = new RegExp(`[${punctuation}]|[^${punctuation}${white}]+`, "gu")

export const of = (text: string): ReadonlyArray<Word> =>
  Array.from(text.matchAll(word), ({ 0: found, index }) => ({ text: found, from: index, to: index + found.length }))
