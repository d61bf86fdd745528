/**
 * Trains a WordPiece vocabulary on texts: starting from single characters, the most frequent neighbouring pair becomes
 * one token, again and again (Sennrich et al. 2016, arXiv 1508.07909, with BERT's "##" for pieces inside a word, as
 * the WordPiece trainer of huggingface/tokenizers does).
 *
 * The result depends on how often each word occurs and on nothing else: words are walked in sorted order, and of
 * equally frequent pairs the one whose tokens came first wins.
 */
import { BertPreTokenizer } from "@huggingface/tokenizers"
import { Effect } from "effect"
import * as BertNormalizer from "./BertNormalizer.ts"
import { TokenizerInvalid } from "./Errors.ts"
import * as WordPiece from "./WordPiece.ts"

export interface Options {
  /** Most tokens, specials included. Fewer come out when no pair is frequent enough. */
  readonly vocabularySize: number
  /** How often a pair must occur to become a token; 2 when absent. */
  readonly minFrequency?: number
  /** Most different characters; rarer ones become [UNK]. 1000 when absent. */
  readonly alphabetSize?: number
}

/** A distinct word of the texts, as token ids that shrink while pairs merge. */
interface Word {
  tokens: Array<number>
  readonly count: number
}

/** A pair of tokens that may be merged; stale when the pair's count has changed since. */
interface Candidate {
  readonly first: number
  readonly second: number
  readonly count: number
}

/** Trains a vocabulary and gives it as the text of a complete `tokenizer.json` (uncased). */
export const train = Effect.fnUntraced(function* (
  texts: Iterable<string>,
  options: Options,
): Effect.fn.Return<string, TokenizerInvalid> {
  const counts = countWords(texts)
  if (counts.size === 0) {
    return yield* new TokenizerInvalid({
      where: "training a tokenizer",
      expected: "texts with words",
      got: "none",
      advice: "",
    })
  }
  const characters = alphabet(counts, options.alphabetSize ?? 1000)
  const least = WordPiece.specials.length + 2 * characters.length
  if (options.vocabularySize < least) {
    return yield* new TokenizerInvalid({
      where: "training a tokenizer, vocabularySize",
      expected: `at least ${least}, for the special tokens and ${characters.length} characters in two forms`,
      got: String(options.vocabularySize),
      advice: "Ask for a larger vocabulary or clean rare characters out of the texts.",
    })
  }
  const tokens: Array<string> = [
    ...WordPiece.specials,
    ...characters,
    ...characters.map((character) => WordPiece.continuation + character),
  ]
  merge(tokens, splitWords(counts, tokens), options.vocabularySize, options.minFrequency ?? 2)
  return yield* WordPiece.tokenizerJson(tokens, "the trained vocabulary")
})

/** Normalised words of the texts and how often each occurs, in the order of their code units. */
const countWords = (texts: Iterable<string>): ReadonlyMap<string, number> => {
  const split = new BertPreTokenizer()
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const word of split.pre_tokenize_text(BertNormalizer.normalize(text, BertNormalizer.uncased))) {
      counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  return new Map([...counts].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** The most frequent characters, sorted by code point. */
const alphabet = (counts: ReadonlyMap<string, number>, most: number): ReadonlyArray<string> => {
  const frequency = new Map<string, number>()
  for (const [word, count] of counts) {
    for (const character of word) frequency.set(character, (frequency.get(character) ?? 0) + count)
  }
  return [...frequency]
    .sort(([a, x], [b, y]) => y - x || a.codePointAt(0)! - b.codePointAt(0)!)
    .slice(0, most)
    .map(([character]) => character)
    .sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)
}

/** Every word as the ids of its characters; a word with a character outside of the alphabet teaches nothing. */
const splitWords = (counts: ReadonlyMap<string, number>, tokens: ReadonlyArray<string>): ReadonlyArray<Word> => {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const words: Array<Word> = []
  for (const [word, count] of counts) {
    const split = Array.from(word, (character, at) =>
      ids.get(at === 0 ? character : WordPiece.continuation + character),
    )
    if (split.every((id) => id !== undefined)) words.push({ tokens: split, count })
  }
  return words
}

/** Appends merged tokens to `tokens` until there are `size` of them or no pair occurs `minFrequency` times. */
const merge = (tokens: Array<string>, words: ReadonlyArray<Word>, size: number, minFrequency: number): void => {
  // A pair is one number, first · 2²⁵ + second: exact in a double for any vocabulary below 2²⁵ tokens.
  const key = (first: number, second: number) => first * 2 ** 25 + second
  const pairCounts = new Map<number, number>()
  const pairWords = new Map<number, Set<number>>()
  const heap: Array<Candidate> = []
  const change = (first: number, second: number, by: number, word: number) => {
    const pair = key(first, second)
    pairCounts.set(pair, (pairCounts.get(pair) ?? 0) + by)
    if (by > 0) {
      const places = pairWords.get(pair)
      if (places === undefined) pairWords.set(pair, new Set([word]))
      else places.add(word)
    }
    return pair
  }
  const offer = (pair: number) => {
    const count = pairCounts.get(pair)!
    if (count >= minFrequency) push(heap, { first: Math.floor(pair / 2 ** 25), second: pair % 2 ** 25, count })
  }
  const touched = new Set<number>()
  words.forEach((word, index) => {
    for (let at = 1; at < word.tokens.length; at++) {
      touched.add(change(word.tokens[at - 1]!, word.tokens[at]!, word.count, index))
    }
  })
  touched.forEach(offer)
  const known = new Map(tokens.map((token, id) => [token, id]))
  while (tokens.length < size) {
    const best = pop(heap)
    if (best === undefined) return
    const pair = key(best.first, best.second)
    if (pairCounts.get(pair) !== best.count) continue
    const text = tokens[best.first]! + tokens[best.second]!.slice(WordPiece.continuation.length)
    // Two ways of merging may spell the same piece; it keeps its first id.
    const merged = known.get(text) ?? tokens.push(text) - 1
    known.set(text, merged)
    touched.clear()
    for (const index of pairWords.get(pair) ?? []) {
      const word = words[index]!
      const joined = join(word.tokens, best.first, best.second, merged)
      if (joined.length === word.tokens.length) continue
      const before = word.tokens
      for (let at = 1; at < before.length; at++) touched.add(change(before[at - 1]!, before[at]!, -word.count, index))
      for (let at = 1; at < joined.length; at++) touched.add(change(joined[at - 1]!, joined[at]!, word.count, index))
      word.tokens = joined
    }
    pairWords.delete(pair)
    touched.forEach(offer)
  }
}

/** The word with every occurrence of the pair, from the left, as one token. */
const join = (tokens: ReadonlyArray<number>, first: number, second: number, merged: number): Array<number> => {
  const joined: Array<number> = []
  for (let at = 0; at < tokens.length; at++) {
    if (tokens[at] === first && tokens[at + 1] === second) {
      joined.push(merged)
      at++
    } else joined.push(tokens[at]!)
  }
  return joined
}

/** More frequent first; of equals the pair of earlier tokens. */
const precedes = (a: Candidate, b: Candidate): boolean =>
  a.count !== b.count ? a.count > b.count : a.first !== b.first ? a.first < b.first : a.second < b.second

/** A binary heap in an array: the parent of i is (i − 1) / 2. */
const push = (heap: Array<Candidate>, candidate: Candidate): void => {
  let at = heap.push(candidate) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (!precedes(candidate, heap[parent]!)) break
    heap[at] = heap[parent]!
    at = parent
  }
  heap[at] = candidate
}

const pop = (heap: Array<Candidate>): Candidate | undefined => {
  const top = heap[0]
  const last = heap.pop()
  if (top === undefined || last === undefined || heap.length === 0) return top
  let at = 0
  for (;;) {
    const left = 2 * at + 1
    if (left >= heap.length) break
    const child = left + 1 < heap.length && precedes(heap[left + 1]!, heap[left]!) ? left + 1 : left
    if (!precedes(heap[child]!, last)) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = last
  return top
}
