/** Which words of a sentence have synonyms, and which those are. */
import type { Setting } from "./Edit.ts"
import type { Insert, Synonyms } from "./Operation.ts"
import type { Piece, Sentence } from "./Sentence.ts"
import * as SentencePart from "./Sentence.ts"
import * as StopWords from "./StopWords.ts"
import type { PartOfSpeech, Thesaurus } from "./Thesaurus.ts"
import { partsOfSpeech } from "./Thesaurus.ts"

type Asked = typeof Synonyms.Type | typeof Insert.Type

export interface Found {
  readonly at: number
  readonly piece: Piece
  /** At least one, each once. */
  readonly synonyms: ReadonlyArray<string>
}

/** Of every word that may be changed and is no stop word: its synonyms, where it has any. */
export const find = (asked: Asked, sentence: Sentence, setting: Setting): ReadonlyArray<Found> => {
  const stop =
    asked.stopWords === undefined ? StopWords.words : new Set(asked.stopWords.map((word) => word.toLowerCase()))
  const thesaurus = setting.thesaurus(asked.source)
  return SentencePart.editable(sentence).flatMap((at) => {
    const piece = sentence.pieces[at]!
    if (StopWords.has(piece.text, stop)) return []
    const synonyms = of(asked, piece, thesaurus)
    return synonyms.length === 0 ? [] : [{ at, piece, synonyms }]
  })
}

const of = (asked: Asked, piece: Piece, thesaurus: Thesaurus): ReadonlyArray<string> => {
  const known = matching(asked, piece, thesaurus)
  const senses = known.flatMap((part) => thesaurus.senses(piece.text, part).slice(0, asked.senses ?? 2))
  // Names are no synonyms of words: `id` is not `Idaho`.
  return [...new Set(senses.flat())].filter((synonym) => synonym === synonym.toLowerCase())
}

/** Parts of speech that synonyms may have. */
const matching = (asked: Asked, piece: Piece, thesaurus: Thesaurus): ReadonlyArray<PartOfSpeech> => {
  const allowed = asked.partsOfSpeech ?? partsOfSpeech
  const { match = "likely" } = asked
  if (match === "any") return allowed
  if (match === "likely") {
    const seen = partsOfSpeech.map((part) => thesaurus.frequency(piece.text, part))
    const most = Math.max(...seen)
    return most === 0 ? allowed : partsOfSpeech.filter((part, at) => seen[at] === most && allowed.includes(part))
  }
  if (match === "unambiguous") {
    const known = partsOfSpeech.filter((part) => thesaurus.senses(piece.text, part).length > 0)
    return known.length === 1 && allowed.includes(known[0]!) ? known : []
  }
  const tag = piece.tags[match.tags] ?? ""
  return allowed.filter((part) => tagged[part].test(tag))
}

/** Penn Treebank's tags and Universal Dependencies'. Proper nouns have no synonyms. */
const tagged: Readonly<Record<PartOfSpeech, RegExp>> = {
  noun: /^(NN|NNS|NOUN)$/u,
  verb: /^(VB[DGNPZ]?|VERB)$/u,
  adjective: /^(JJ[RS]?|ADJ)$/u,
  adverb: /^(RB[RS]?|ADV)$/u,
}
