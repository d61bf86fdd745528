/**
 * One text or token list under edit: pieces in order, of which words may be changed and everything else is kept.
 *
 * ```
 * text    "Send £5, please."     Send | ␣£ | 5 | ,␣ | please | .        words and the gaps between them
 * tokens  Angela Merkel sleeps   Angela | Merkel | sleeps               one piece a token, with its tags
 * ```
 *
 * A word is a run of letters and digits, with apostrophes, hyphens and points inside it. Words that are protected, and
 * tokens with a chunk's tag (`B-…`, `I-…`), are locked: no edit touches them, and none puts anything inside a chunk.
 */
import * as Chunk from "../Chunk.ts"

export interface Piece {
  readonly text: string
  /** False for gaps and for tokens of punctuation. */
  readonly word: boolean
  readonly locked: boolean
  /** Tags of a token by task; none in a text. */
  readonly tags: Readonly<Record<string, string>>
}

export interface Sentence {
  readonly form: "text" | "tokens"
  readonly pieces: ReadonlyArray<Piece>
}

/** Words that no edit touches, in lower case. */
export type Protected = ReadonlySet<string>

const word = /[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}]|['’.-](?=[\p{L}\p{N}]))*/gu
const letterOrDigit = /[\p{L}\p{N}]/u

export const ofText = (text: string, locked: Protected): Sentence => {
  const pieces: Array<Piece> = []
  const add = (part: string, isWord: boolean) => {
    if (part !== "") pieces.push({ text: part, word: isWord, locked: locked.has(part.toLowerCase()), tags: {} })
  }
  let end = 0
  for (const { 0: found, index } of text.matchAll(word)) {
    add(text.slice(end, index), false)
    add(found, true)
    end = index + found.length
  }
  add(text.slice(end), false)
  return { form: "text", pieces }
}

/** @param tags by task, one per token */
export const ofTokens = (
  tokens: ReadonlyArray<string>,
  tags: Readonly<Record<string, ReadonlyArray<string>>>,
  locked: Protected,
): Sentence => ({
  form: "tokens",
  pieces: tokens.map((text, at) => {
    const own = Object.fromEntries(Object.entries(tags).map(([task, sequence]) => [task, sequence[at]!]))
    return {
      text,
      word: letterOrDigit.test(text),
      locked: locked.has(text.toLowerCase()) || Object.values(own).some((tag) => Chunk.prefix(tag) !== undefined),
      tags: own,
    }
  }),
})

export const textOf = ({ form, pieces }: Sentence): string =>
  pieces.map(({ text }) => text).join(form === "text" ? "" : " ")

/** Places of all words. */
export const words = ({ pieces }: Sentence): ReadonlyArray<number> =>
  pieces.flatMap((piece, at) => (piece.word ? [at] : []))

/** Places of the words that may be changed. */
export const editable = ({ pieces }: Sentence): ReadonlyArray<number> =>
  pieces.flatMap((piece, at) => (piece.word && !piece.locked ? [at] : []))

/** The sentence with other text at a place, and the tags it had. */
export const replaced = (sentence: Sentence, at: number, text: string): Sentence => ({
  ...sentence,
  pieces: sentence.pieces.with(at, { ...sentence.pieces[at]!, text }),
})

/** Two words change places, each with its tags. */
export const swapped = (sentence: Sentence, a: number, b: number): Sentence => {
  const { pieces } = sentence
  return { ...sentence, pieces: pieces.with(a, pieces[b]!).with(b, pieces[a]!) }
}

/** A token that goes on with the chunk before it: nothing may come between, nor may it move up to another chunk. */
const continues = (piece: Piece | undefined): boolean =>
  piece !== undefined && Object.values(piece.tags).some((tag) => /^[IEL]$/u.test(Chunk.prefix(tag) ?? ""))

/** False where the next token's chunk would take the place of what is removed. */
export const removable = ({ pieces }: Sentence, at: number): boolean => !continues(pieces[at + 1])

/** Without the word at a place. In a text the gaps around it become one. */
export const removed = (sentence: Sentence, at: number): Sentence => {
  const { form, pieces } = sentence
  if (form === "tokens") return { form, pieces: pieces.toSpliced(at, 1) }
  const before = pieces[at - 1]
  const after = pieces[at + 1]
  const left = before === undefined || before.word ? "" : before.text
  const right = after === undefined || after.word ? "" : after.text
  const start = left === "" ? at : at - 1
  const count = 1 + (left === "" ? 0 : 1) + (right === "" ? 0 : 1)
  const gap = closed(left, right, start === 0, start + count === pieces.length)
  const piece: Piece = { text: gap, word: false, locked: false, tags: {} }
  return { form, pieces: pieces.toSpliced(start, count, ...(gap === "" ? [] : [piece])) }
}

/** Two gaps as one: a single space where both had white space, none at the ends of the text and before a mark that closes. */
const closed = (left: string, right: string, first: boolean, last: boolean): string => {
  const joined = /\s$/u.test(left) && /^[\s.,;:!?)\]}]/u.test(right) ? left.trimEnd() + right : left + right
  return first ? joined.replace(/^[\s.,;:!?)\]}]+/u, "") : last ? joined.trimEnd() : joined
}

/** Places before which a word can be put: before every piece that is a word or token, and at the end of the words. */
export const openings = (sentence: Sentence): ReadonlyArray<number> => {
  const { form, pieces } = sentence
  if (form === "tokens")
    return Array.from({ length: pieces.length + 1 }, (_, at) => at).filter((at) => !continues(pieces[at]))
  const places = words(sentence)
  const end = places.at(-1)
  return end === undefined ? [] : [...places, end + 1]
}

/** With a word put at an opening, a space apart from its neighbour; it has the tags given. */
export const inserted = (sentence: Sentence, at: number, text: string, tags: Piece["tags"]): Sentence => {
  const { form, pieces } = sentence
  const added: Piece = { text, word: true, locked: false, tags }
  if (form === "tokens") return { form, pieces: pieces.toSpliced(at, 0, added) }
  const space: Piece = { text: " ", word: false, locked: false, tags: {} }
  const atEnd = pieces[at]?.word !== true
  return { form, pieces: pieces.toSpliced(at, 0, ...(atEnd ? [space, added] : [added, space])) }
}
