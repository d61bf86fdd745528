/**
 * One task's tags as files give them, normalised to BIO.
 *
 * A column is read as a whole before any of it is normalised. Where its tags are `O` or have prefixes (IOB1, IOB2, IO,
 * BIOES, BILOU), or are `O` and bare types, they are chunks and become BIO by conlleval's reading: an I that follows no
 * chunk of its type starts one and becomes B. Where no tag is `O` and none has a prefix (parts of speech), tags stay as
 * they are.
 */
import { InvalidData } from "@thaw/core/Errors"
import * as Chunk from "../Chunk.ts"

/** What has been seen of a column so far. */
export class Survey {
  private readonly kinds = new Set<Kind>()
  private bare: { readonly where: () => string; readonly tag: string } | undefined

  /** @param whereOf says where the tag at a place stands */
  add(tags: ReadonlyArray<string>, whereOf: (place: number) => string): void {
    tags.forEach((tag, place) => {
      const kind = kindOf(tag)
      this.kinds.add(kind)
      if (kind === "bare") this.bare ??= { where: () => whereOf(place), tag }
    })
  }

  /** How the column's tags become BIO. Throws `InvalidData` where bare tags stand among prefixed ones. */
  normaliser(task: string): (tags: ReadonlyArray<string>) => ReadonlyArray<string> {
    const { kinds, bare } = this
    if (!kinds.has("prefixed") && !kinds.has("outside")) return (tags) => tags
    if (kinds.has("prefixed") && bare !== undefined) {
      throw new InvalidData({
        where: bare.where(),
        expected: `a tag O or with a prefix such as B- or I-, as elsewhere for task ${JSON.stringify(task)}`,
        got: JSON.stringify(bare.tag),
        advice: "",
      })
    }
    return (tags) => Chunk.toBio(Chunk.read(tags), tags.length)
  }
}

type Kind = "outside" | "prefixed" | "bare"

const kindOf = (tag: string): Kind => (tag === "O" ? "outside" : Chunk.prefix(tag) === undefined ? "bare" : "prefixed")
