/**
 * An operation applied to a sentence. Every operation of a tree has a stream of its own, named after its place, so adding
 * one at the end changes none before it.
 */
import * as Seed from "@thaw/core/Seed"
import type { Asking, Edit, Setting } from "./Edit.ts"
import { backTranslate } from "./edits/BackTranslate.ts"
import { characters } from "./edits/Characters.ts"
import { contextual } from "./edits/Contextual.ts"
import { remove } from "./edits/Delete.ts"
import { insert } from "./edits/Insert.ts"
import { mentions } from "./edits/Mentions.ts"
import { swap } from "./edits/Swap.ts"
import { synonyms } from "./edits/Synonyms.ts"
import { typos } from "./edits/Typos.ts"
import type { Leaf, Operation } from "./Operation.ts"
import type { Sentence } from "./Sentence.ts"

const edits: { readonly [Tag in Leaf["_tag"]]: Edit<Extract<Leaf, { readonly _tag: Tag }>> } = {
  synonyms,
  insert,
  swap,
  delete: remove,
  characters,
  typos,
  contextual,
  backTranslate,
  mentions,
}

/** One operation that changed something. */
export interface Applied {
  readonly operation: Leaf["_tag"]
  readonly words: number
}

export interface Outcome {
  readonly sentence: Sentence
  /** In order; operations that found nothing to change are left out. */
  readonly applied: ReadonlyArray<Applied>
}

export type World = Omit<Setting, "stream">

export function* apply(operation: Operation, sentence: Sentence, world: World, seed: Seed.Seed): Asking<Outcome> {
  switch (operation._tag) {
    case "sequence": {
      let now: Outcome = { sentence, applied: [] }
      for (const [at, inner] of operation.of.entries()) {
        const next = yield* apply(inner, now.sentence, world, Seed.derive(seed, `sequence.${at}`))
        now = { sentence: next.sentence, applied: [...now.applied, ...next.applied] }
      }
      return now
    }
    case "oneOf": {
      const at = weighted(operation.weights ?? operation.of.map(() => 1), Seed.fraction(seed, "oneOf"))
      return yield* apply(operation.of[at]!, sentence, world, Seed.derive(seed, `oneOf.${at}`))
    }
    case "sometimes":
      return Seed.fraction(seed, "sometimes") < operation.p
        ? yield* apply(operation.of, sentence, world, Seed.derive(seed, "sometimes.of"))
        : { sentence, applied: [] }
    default: {
      // The table gives every tag the edit of its own operations.
      const edit = edits[operation._tag] as Edit<Leaf>
      const stream = Seed.stream(seed, operation._tag)
      const { sentence: edited, words } = yield* edit(operation, sentence, { ...world, stream })
      return { sentence: edited, applied: words === 0 ? [] : [{ operation: operation._tag, words }] }
    }
  }
}

const weighted = (weights: ReadonlyArray<number>, draw: number): number => {
  let left = draw * weights.reduce((sum, weight) => sum + weight, 0)
  const at = weights.findIndex((weight) => (left -= weight) < 0)
  return at < 0 ? weights.length - 1 : at
}
