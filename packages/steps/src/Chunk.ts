/**
 * Chunks: the spans that a sequence of tags such as `B-place I-place O` stands for.
 *
 * Two readings. `read` is conlleval's (Tjong Kim Sang & Buchholz 2000), which makes sense of IOB1, IOB2, IO, BIOES and
 * BILOU alike and repairs a chunk that lacks its B; `readStrict` counts only what IOB2 allows.
 */

/** Tokens `start` up to, not including, `end`. */
export interface Chunk {
  readonly type: string
  readonly start: number
  readonly end: number
}

/** How tags become chunks. */
export type Reading = (tags: ReadonlyArray<string>) => ReadonlyArray<Chunk>

/** A tag taken apart: `O`, or a prefix that says where in its chunk a token stands, and the chunk's type. */
interface Parsed {
  readonly prefix: string
  readonly type: string
}

const outside: Parsed = { prefix: "O", type: "" }

/** `place` alone is `I-place`: IO tagging without prefixes. */
const parse = (tag: string): Parsed => {
  if (tag === "O") return outside
  const prefixed = prefix(tag)
  return prefixed === undefined ? { prefix: "I", type: tag } : { prefix: prefixed, type: tag.slice(2) }
}

/** The prefix of a tag (B, I, E, S, or BILOU's L and U), if it has one. */
export const prefix = (tag: string): string | undefined => /^([BIESLU])-./u.exec(tag)?.[1]

const endsChunk = new Set(["E", "L", "S", "U"])
const startsChunk = new Set(["B", "S", "U"])

/**
 * conlleval's reading. A token outside a chunk is `O`; any other starts a chunk when its prefix is B, S or U, when the
 * token before is outside, ended its chunk (E, L, S, U) or has another type, and continues the chunk otherwise.
 */
export const read: Reading = (tags) =>
  collect(
    tags,
    (before, tag) =>
      startsChunk.has(tag.prefix) || before.prefix === "O" || endsChunk.has(before.prefix) || before.type !== tag.type,
  )

/** Strict IOB2: a chunk is a B and the I of its type right after it; an I that continues nothing is in no chunk. */
export const readStrict: Reading = (tags) => {
  let open: string | undefined
  const legal = tags.map((tag) => {
    const { prefix: place, type } = parse(tag)
    open = place === "B" || (place === "I" && open === type) ? type : undefined
    return open === undefined ? "O" : tag
  })
  return collect(legal, (_, tag) => tag.prefix === "B")
}

const collect = (
  tags: ReadonlyArray<string>,
  starts: (before: Parsed, tag: Parsed) => boolean,
): ReadonlyArray<Chunk> => {
  const chunks: Array<Chunk> = []
  let before = outside
  let start = 0
  const close = (end: number) => {
    if (before.prefix !== "O") chunks.push({ type: before.type, start, end })
  }
  tags.forEach((written, index) => {
    const tag = parse(written)
    if (tag.prefix === "O") close(index)
    else if (starts(before, tag)) {
      close(index)
      start = index
    }
    before = tag
  })
  close(tags.length)
  return chunks
}

/** The tags of `tokens` tokens with these chunks: B on a chunk's first token, I on its others, O elsewhere. */
export const toBio = (chunks: ReadonlyArray<Chunk>, tokens: number): ReadonlyArray<string> => {
  const tags = Array.from({ length: tokens }, () => "O")
  for (const { type, start, end } of chunks) {
    for (let index = start; index < end; index++) tags[index] = `${index === start ? "B" : "I"}-${type}`
  }
  return tags
}
