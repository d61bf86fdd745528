/** One operation on one example, outside a step. */
import type * as Dataset from "@thaw/core/Dataset"
import * as Seed from "@thaw/core/Seed"
import * as Copies from "@thaw/steps/augment/Copies"
import type * as Edit from "@thaw/steps/augment/Edit"
import type * as Operation from "@thaw/steps/augment/Operation"
import type * as Thesaurus from "@thaw/steps/augment/Thesaurus"

/** Every letter-only word `x…` has the synonyms `y…` and `z…`, as a noun. */
export const madeUp: Thesaurus.Thesaurus = {
  senses: (word, part) =>
    part === "noun" && /^x[a-z]*$/iu.test(word)
      ? [[`y${word.slice(1).toLowerCase()}`], [`z${word.slice(1).toLowerCase()}`]]
      : [],
  frequency: () => 0,
}

export const text = (id: string, words: string): Dataset.Example => ({
  id,
  origin: id,
  text: words,
  labels: { topic: "a" },
  tags: {},
})

export const tokens = (
  id: string,
  words: ReadonlyArray<string>,
  tags: Dataset.Example["tags"] = {},
): Dataset.Example => ({
  id,
  origin: id,
  tokens: words,
  labels: {},
  tags,
})

export interface Options {
  readonly seed?: number
  readonly number?: number
  readonly protect?: ReadonlyArray<string>
  readonly thesaurus?: Thesaurus.Thesaurus
  readonly mentions?: ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<Edit.Mention>>>
}

/** The copy of an operation that asks nothing. */
export const copy = (operation: Operation.Operation, row: Dataset.Example, options: Options = {}): Copies.Copy => {
  const { seed = 7, number = 1, protect = [], thesaurus = madeUp, mentions = new Map() } = options
  const world = { locked: new Set(protect), thesaurus: () => thesaurus, mentions }
  const step = Copies.make(operation, row, number, world, Seed.make(seed)).next()
  if (step.done !== true) throw new Error("the operation asks")
  return step.value
}
