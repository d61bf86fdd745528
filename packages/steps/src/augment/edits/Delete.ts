/**
 * Random deletion (EDA, arXiv 1901.11196 §2): each word goes with probability p. Of a sentence whose every word would go
 * one stays, at random.
 */
import type { Edit } from "../Edit.ts"
import type * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"

export const remove: Edit<typeof Operation.Delete.Type> = function* ({ p = 0.1 }, sentence, { stream }) {
  const places = Sentence.editable(sentence).filter((at) => Sentence.removable(sentence, at))
  const chosen = places.filter(() => stream.float() < p)
  const spared = chosen.length > 0 && chosen.length === Sentence.words(sentence).length ? stream.int(chosen.length) : -1
  const gone = chosen.filter((_, at) => at !== spared)
  // From the end on, so that the places before stay what they are.
  return { sentence: gone.toReversed().reduce(Sentence.removed, sentence), words: gone.length }
}
