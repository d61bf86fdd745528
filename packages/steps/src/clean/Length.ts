/** Examples of a sensible length only. */
import * as Dataset from "@thaw/core/Dataset"
import { PipelineInvalid } from "@thaw/core/Errors"
import { Effect, Schema } from "effect"
import * as Cleaning from "./Cleaning.ts"

const bound = Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0)))

/**
 * `Clean.length({ examples, minWords: 2, maxCharacters: 2000 })` removes examples that are shorter or longer. Words are
 * what white space separates, or the tokens; characters are code points, of tokens joined by spaces.
 *
 * Fails with `PipelineInvalid` without a bound and when a lower bound is above its upper one, with `InvalidData` when no
 * example is left.
 */
export const length = Cleaning.make({
  name: "Clean.length",
  version: "1",
  input: { minWords: bound, maxWords: bound, minCharacters: bound, maxCharacters: bound },
  decide: Effect.fnUntraced(function* (given, _examples, where) {
    const bounds = [
      { unit: "words", of: words, min: given.minWords, max: given.maxWords },
      { unit: "characters", of: characters, min: given.minCharacters, max: given.maxCharacters },
    ].filter(({ min, max }) => min !== undefined || max !== undefined)
    const crossed = bounds.find(({ min = 0, max = Infinity }) => min > max)
    if (bounds.length === 0 || crossed !== undefined) {
      return yield* new PipelineInvalid({
        where,
        expected: "a least or a most number of words or characters, the least not above the most",
        got: crossed === undefined ? "none" : `${crossed.min} to ${crossed.max} ${crossed.unit}`,
        advice: "",
      })
    }
    return (row: Dataset.Example): Cleaning.Decision => {
      for (const { unit, of, min, max } of bounds) {
        const size = of(row)
        const what = () => `${size} ${unit}`
        if (min !== undefined && size < min) return { removed: `fewer than ${min} ${unit}`, what }
        if (max !== undefined && size > max) return { removed: `more than ${max} ${unit}`, what }
      }
      return Cleaning.unchanged(row)
    }
  }),
})

const words = (row: Dataset.Example): number =>
  row.tokens?.length ?? (row.text ?? "").split(/\s+/u).filter((word) => word !== "").length

const characters = (row: Dataset.Example): number => {
  let count = 0
  for (const _ of Dataset.textOf(row)) count++
  return count
}
