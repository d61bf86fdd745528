/** Synonym replacement (EDA, Wei & Zou 2019, arXiv 1901.11196 §2): random words that are no stop words. */
import * as Capitals from "../Capitals.ts"
import { pick, type Edit } from "../Edit.ts"
import * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"
import * as Synonymous from "../Synonymous.ts"

export const synonyms: Edit<typeof Operation.Synonyms.Type> = function* (operation, sentence, setting) {
  const { stream } = setting
  const count = Operation.count(Sentence.words(sentence).length, operation)
  const chosen = stream.shuffle(Synonymous.find(operation, sentence, setting)).slice(0, count)
  return {
    sentence: chosen.reduce(
      (now, { at, piece, synonyms: known }) =>
        Sentence.replaced(now, at, Capitals.like(piece.text, pick(stream, known))),
      sentence,
    ),
    words: chosen.length,
  }
}
