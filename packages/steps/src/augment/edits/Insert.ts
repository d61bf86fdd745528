/** Random insertion (EDA, arXiv 1901.11196 §2): a synonym of a random word that is no stop word, at a random place. */
import { pick, type Edit } from "../Edit.ts"
import * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"
import * as Synonymous from "../Synonymous.ts"

export const insert: Edit<typeof Operation.Insert.Type> = function* (operation, sentence, setting) {
  const { stream } = setting
  const found = Synonymous.find(operation, sentence, setting)
  if (found.length === 0) return { sentence, words: 0 }
  const count = Operation.count(Sentence.words(sentence).length, operation)
  let now = sentence
  for (let made = 0; made < count; made++) {
    // What is put in has the tags of the word it is a synonym of: outside every chunk, and of its part of speech.
    const { piece, synonyms } = pick(stream, found)
    now = Sentence.inserted(now, pick(stream, Sentence.openings(now)), pick(stream, synonyms), piece.tags)
  }
  return { sentence: now, words: count }
}
