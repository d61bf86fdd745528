/**
 * Hiding tokens for a head that says what they were (BERT, arXiv 1810.04805 §3.1 and appendix A.1): of the tokens asked
 * for, 80 % become the mask token, 10 % a random token of the vocabulary and 10 % stay as they are.
 *
 * What is hidden follows from the seed, the example and the draw alone: whichever batch an example is in, and however many
 * threads there are, a resumed run hides the same.
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Seed from "@thaw/core/Seed"
import type { MaskedTokens } from "@thaw/models/heads/MaskedTokens"
import type * as Tokenizer from "@thaw/models/Tokenizer"
import { Effect } from "effect"
import type { EncodedExample } from "./Batch.ts"

/** Tokens of an example that are asked for, and what they were. */
export interface Masked {
  /** Places in the example, ascending. */
  readonly places: ReadonlyArray<number>
  readonly labels: ReadonlyArray<number>
}

/**
 * The example as the task sees it, with labels of no other task.
 *
 * @param names what beside the example's id decides what is hidden
 */
export type Mask = (example: EncodedExample, seed: Seed.Seed, ...names: ReadonlyArray<string>) => EncodedExample

/** The same at every evaluation, and for every encoder with the same tokenizer and head. */
export const heldOutSeed = Seed.make(0, "hidden tokens of held-out examples")

/** Fails where the tokenizer has no token to hide others behind. */
export const make = Effect.fnUntraced(function* (
  task: string,
  { rate, unit }: MaskedTokens,
  { maskId, specialIds, vocabularySize }: Tokenizer.Tokenizer,
  where: string,
): Effect.fn.Return<Mask, PipelineInvalid> {
  if (maskId === undefined) {
    return yield* new PipelineInvalid({
      where: `${where}, task ${task}`,
      expected: "a tokenizer with a mask token, [MASK] or <mask>",
      got: "one without",
      advice: "",
    })
  }
  const ordinary = Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => !specialIds.has(id))
  const mask: Mask = (example, seed, ...names) => {
    const { ids: given, typeIds, words } = example.encoding
    const { float, int, shuffle } = Seed.stream(seed, "masking", task, example.id, ...names)
    const units = unitsOf(words, unit)
    const tokens = units.reduce((sum, { length }) => sum + length, 0)
    const wanted = Math.max(1, Math.round(rate * tokens))
    const places: Array<number> = []
    for (const together of shuffle(units)) {
      // The first may be longer than what is wanted: a word is hidden whole or not at all.
      if (places.length === 0 || places.length + together.length <= wanted) places.push(...together)
      if (places.length >= wanted) break
    }
    places.sort((a, b) => a - b)
    const ids = Int32Array.from(given)
    for (const place of places) {
      const lot = float()
      if (lot < 0.8) ids[place] = maskId
      else if (lot < 0.9) ids[place] = ordinary[int(ordinary.length)]!
    }
    const masked = places.length === 0 ? {} : { [task]: { places, labels: places.map((place) => given[place]!) } }
    return { id: example.id, encoding: { ids, typeIds, words }, classes: {}, tags: {}, masked }
  }
  return mask
})

/** Places that are hidden together: those of every token of a text, or of every word. */
const unitsOf = (words: Int32Array, unit: MaskedTokens["unit"]): ReadonlyArray<ReadonlyArray<number>> => {
  const units: Array<Array<number>> = []
  words.forEach((word, place) => {
    if (word < 0) return
    if (unit === "word" && place > 0 && words[place - 1] === word) units.at(-1)!.push(place)
    else units.push([place])
  })
  return units
}
