/**
 * One task's tags as a file gives them, normalised to BIO.
 *
 * A column is read as a whole. Where its tags are `O` or have prefixes (IOB1, IOB2, IO, BIOES, BILOU), or are `O` and
 * bare types, they are chunks and become BIO by conlleval's reading: an I that follows no chunk of its type starts one
 * and becomes B. Where no tag is `O` and none has a prefix (parts of speech), tags stay as they are.
 */
import { InvalidData } from "@thaw/core/Errors"
import type * as Source from "@thaw/core/Source"
import { Effect } from "effect"
import * as Chunk from "../Chunk.ts"
import * as SourceText from "./SourceText.ts"

export interface Sequence {
  /** Line of the tag at a place in the sequence. */
  readonly lineOf: (place: number) => number
  /** One per token; absent where the example has none. */
  readonly tags?: ReadonlyArray<string>
}

/** The tags of every sequence, in order. */
export const normalise = Effect.fnUntraced(function* (
  source: Source.Located,
  task: string,
  column: ReadonlyArray<Sequence>,
) {
  const kinds = new Set(column.flatMap(({ tags }) => (tags ?? []).map(kindOf)))
  if (!kinds.has("prefixed") && !kinds.has("outside")) return column.map(({ tags }) => tags)
  if (kinds.has("prefixed") && kinds.has("bare")) {
    for (const { lineOf, tags } of column) {
      const odd = (tags ?? []).findIndex((tag) => kindOf(tag) === "bare")
      if (odd < 0) continue
      return yield* new InvalidData({
        where: SourceText.at(source, lineOf(odd)),
        expected: `a tag O or with a prefix such as B- or I-, as elsewhere for task ${JSON.stringify(task)}`,
        got: JSON.stringify(tags![odd]),
        advice: "",
      })
    }
  }
  return column.map(({ tags }) => tags && Chunk.toBio(Chunk.read(tags), tags.length))
})

const kindOf = (tag: string): "outside" | "prefixed" | "bare" =>
  tag === "O" ? "outside" : Chunk.prefix(tag) === undefined ? "bare" : "prefixed"
