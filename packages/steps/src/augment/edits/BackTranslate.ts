/** Back-translation (Sennrich et al. 2016, arXiv 1511.06709; for classification Xie et al. 2020, arXiv 1904.12848). */
import type { Edit } from "../Edit.ts"
import type * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"

export const backTranslate: Edit<typeof Operation.BackTranslate.Type> = function* ({ there, back }, sentence) {
  // Tags belong to tokens, and which they are after a translation nobody knows; such datasets are refused before.
  if (sentence.form === "tokens") return { sentence, words: 0 }
  const abroad = yield { _tag: "Translate", translator: there, text: Sentence.textOf(sentence) }
  if (abroad._tag !== "Text") return { sentence, words: 0 }
  const home = yield { _tag: "Translate", translator: back, text: abroad.text }
  if (home._tag !== "Text" || home.text.trim() === "") return { sentence, words: 0 }
  const locked = sentence.pieces.flatMap((piece) => (piece.locked ? [piece.text.toLowerCase()] : []))
  const result = Sentence.ofText(home.text.trim(), new Set(locked))
  return { sentence: result, words: Sentence.words(result).length }
}
