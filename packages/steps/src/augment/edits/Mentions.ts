/**
 * Mention replacement (Dai & Adel 2020, arXiv 2010.11683 §3): a mention gives way to another of the same type from the
 * training part. `p`, `min` and `max` count mentions.
 *
 * Tags of other tasks come along with the tokens that they belong to. So a mention is left alone where a chunk of another
 * task reaches over its edge.
 *
 * Which mentions there are is a matter of all training examples: with others among them, copies say something else.
 */
import * as Chunk from "../../Chunk.ts"
import { pick, type Edit, type Mention } from "../Edit.ts"
import * as Operation from "../Operation.ts"
import { ofTokens, type Piece, type Sentence } from "../Sentence.ts"

export const mentions: Edit<typeof Operation.Mentions.Type> = function* (operation, sentence, setting) {
  const { stream } = setting
  const own = found(sentence.pieces, operation.task)
  const others = setting.mentions.get(operation.task)
  const chosen = stream
    .shuffle(own)
    .slice(0, Operation.count(own.length, operation))
    .toSorted((a, b) => b.start - a.start)
  let pieces = sentence.pieces
  let changed = 0
  for (const { type, start, end, mention } of chosen) {
    const text = textOf(mention)
    const tasks = Object.keys(mention.tags).sort().join("\0")
    const fitting = (others?.get(type) ?? []).filter(
      (other) => textOf(other) !== text && Object.keys(other.tags).sort().join("\0") === tasks,
    )
    if (fitting.length === 0) continue
    const given = pick(stream, fitting)
    pieces = pieces.toSpliced(start, end - start, ...ofTokens(given.tokens, given.tags, new Set()).pieces)
    changed += given.tokens.length
  }
  return { sentence: { ...sentence, pieces }, words: changed }
}

interface Found extends Chunk.Chunk {
  readonly mention: Mention
}

/** Mentions of a task that no chunk of another task reaches out of or into. */
const found = (pieces: Sentence["pieces"], task: string): ReadonlyArray<Found> => {
  const tags = pieces.map((piece) => piece.tags[task] ?? "O")
  return Chunk.read(tags).flatMap((chunk) => {
    const inside = pieces.slice(chunk.start, chunk.end)
    const edges = [inside[0]!, pieces[chunk.end]]
    if (edges.some((piece) => piece !== undefined && continuesOther(piece, task))) return []
    const tasks = Object.keys(inside[0]!.tags).sort()
    const own = tasks.map((name) => [name, inside.map((piece) => piece.tags[name]!)] as const)
    return [{ ...chunk, mention: { tokens: inside.map(({ text }) => text), tags: Object.fromEntries(own) } }]
  })
}

const continuesOther = ({ tags }: Piece, task: string): boolean =>
  Object.entries(tags).some(([name, tag]) => name !== task && /^[IEL]$/u.test(Chunk.prefix(tag) ?? ""))

const textOf = ({ tokens }: Mention): string => tokens.join(" ")

/**
 * Mentions of a task by type, each text once, sorted: what is drawn does not depend on the order of the examples.
 */
export const collect = (sentences: Iterable<Sentence>, task: string): ReadonlyMap<string, ReadonlyArray<Mention>> => {
  const byType = new Map<string, Map<string, Mention>>()
  for (const { pieces } of sentences) {
    for (const { type, mention } of found(pieces, task)) {
      const known = byType.get(type) ?? new Map<string, Mention>()
      byType.set(type, known)
      known.set(JSON.stringify([mention.tokens, mention.tags]), mention)
    }
  }
  return new Map(
    [...byType].map(([type, known]) => [
      type,
      [...known].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, mention]) => mention),
    ]),
  )
}
