/** Random swap (EDA, arXiv 1901.11196 §2): two random words change places, once for every word that is counted. */
import type { Edit } from "../Edit.ts"
import * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"

export const swap: Edit<typeof Operation.Swap.Type> = function* (operation, sentence, { stream }) {
  const places = Sentence.editable(sentence)
  if (places.length < 2) return { sentence, words: 0 }
  const count = Operation.count(Sentence.words(sentence).length, operation)
  let now = sentence
  for (let made = 0; made < count; made++) {
    const first = stream.int(places.length)
    const second = (first + 1 + stream.int(places.length - 1)) % places.length
    now = Sentence.swapped(now, places[first]!, places[second]!)
  }
  return { sentence: now, words: 2 * count }
}
