/**
 * How an operation works: from a sentence to a sentence, with a stream of its own.
 *
 * An edit is a generator. Most give their result at once; one that needs a model yields a question and goes on with the
 * answer. So many edits can be under way side by side, their questions answered together, and none of them knows.
 */
import type * as Seed from "@thaw/core/Seed"
import type { Leaf } from "./Operation.ts"
import type { Sentence } from "./Sentence.ts"
import type { Thesaurus } from "./Thesaurus.ts"

export type Question =
  | {
      readonly _tag: "Mask"
      readonly encoder: string
      readonly words: ReadonlyArray<string>
      /** Place of the word that is masked. */
      readonly at: number
      readonly topK: number
    }
  | { readonly _tag: "Translate"; readonly translator: string; readonly text: string }

/** Words with their probabilities for a mask, likeliest first; the translated text for a translation. */
export type Answer =
  | { readonly _tag: "Words"; readonly words: ReadonlyArray<Candidate> }
  | { readonly _tag: "Text"; readonly text: string }

export interface Candidate {
  readonly word: string
  readonly logit: number
}

/** Mentions of a type in the training part: their tokens, with the tags of all tasks. */
export interface Mention {
  readonly tokens: ReadonlyArray<string>
  /** Sorted, so that equal mentions have equal texts. */
  readonly tags: Readonly<Record<string, ReadonlyArray<string>>>
}

/** What edits know besides the sentence. */
export interface Setting {
  readonly stream: Seed.Stream
  readonly thesaurus: (source: string) => Thesaurus
  /** By task, then by type. */
  readonly mentions: ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<Mention>>>
}

export interface Edited {
  readonly sentence: Sentence
  /** Words replaced, moved, removed or put in. */
  readonly words: number
}

export type Edit<O extends Leaf> = (operation: O, sentence: Sentence, setting: Setting) => Asking<Edited>

/** A computation that may ask on its way. */
export type Asking<A> = Generator<Question, A, Answer>

/** An element of a list that is not empty. */
export const pick = <A>(stream: Seed.Stream, values: ReadonlyArray<A>): A => values[stream.int(values.length)]!
