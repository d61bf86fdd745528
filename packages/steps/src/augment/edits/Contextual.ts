/**
 * Contextual substitution (Kobayashi 2018, arXiv 1805.06201, with a masked encoder as in Wu et al. 2018, arXiv
 * 1812.06705, unconditioned): a word is masked, and one of the k likeliest words is drawn in proportion to its
 * probability. One after the other, so that the next is chosen in the sentence as it has become.
 */
import * as Capitals from "../Capitals.ts"
import type { Candidate, Edit } from "../Edit.ts"
import * as Operation from "../Operation.ts"
import * as Sentence from "../Sentence.ts"
import * as StopWords from "../StopWords.ts"

export const contextual: Edit<typeof Operation.Contextual.Type> = function* (operation, sentence, { stream }) {
  const { encoder, topK = 10, stopWords } = operation
  const stop = stopWords === undefined ? StopWords.words : new Set(stopWords.map((word) => word.toLowerCase()))
  const count = Operation.count(Sentence.words(sentence).length, operation)
  const places = Sentence.editable(sentence).filter((at) => !StopWords.has(sentence.pieces[at]!.text, stop))
  let now = sentence
  let changed = 0
  for (const at of stream.shuffle(places).slice(0, count)) {
    const words = now.pieces.map(({ text }) => text)
    const answer = yield { _tag: "Mask", encoder, words, at, topK }
    const draw = stream.float()
    if (answer._tag !== "Words" || answer.words.length === 0) continue
    now = Sentence.replaced(now, at, Capitals.like(now.pieces[at]!.text, sampled(answer.words, draw)))
    changed++
  }
  return { sentence: now, words: changed }
}

/** One of the candidates by the softmax of their logits. */
const sampled = (candidates: ReadonlyArray<Candidate>, draw: number): string => {
  const most = candidates[0]!.logit
  const shares = candidates.map(({ logit }) => Math.exp(logit - most))
  let left = draw * shares.reduce((sum, share) => sum + share, 0)
  const at = shares.findIndex((share) => (left -= share) < 0)
  return candidates.at(at)!.word
}
