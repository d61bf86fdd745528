/** Which part every unit goes to, and what the parts of all splits have in common. */
import * as Dataset from "@thaw/core/Dataset"
import { type InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import { Effect, Schema } from "effect"
import * as Units from "./Units.ts"

export const Share = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }))

/** What a split gives. */
export const output = {
  train: Dataset.TrainExamples,
  validation: Dataset.HeldOutExamples,
  test: Dataset.HeldOutExamples,
} as const

export type Part = "train" | "validation" | "test"
export const names = ["train", "validation", "test"] as const

/** Part of every unit. */
export type Dealt = Array<Part>

/** All of them in training, to begin with. */
export const undealt = ({ count }: Units.Units): Dealt => Array.from({ length: count }, () => "train")

/** Fails when nothing would be left to train on. */
export const requireShares = (where: string, validation: number, test: number): Effect.Effect<void, PipelineInvalid> =>
  validation + test < 1
    ? Effect.void
    : Effect.fail(
        new PipelineInvalid({
          where,
          expected: "shares of validation and test that leave something to train on",
          got: `${validation} and ${test}`,
          advice: "Their sum must be below 1.",
        }),
      )

/**
 * Training comes first: moves a unit to training for every label and tag that only held-out units carry, of those that
 * carry it the one of highest rank. Gives a key for every label and tag in training.
 */
export const trainFirst = (units: Units.Units, dealt: Dealt): ReadonlySet<string> => {
  const trained = new Set<string>()
  const held: Array<number> = []
  dealt.forEach((part, unit) => {
    if (part !== "train") held.push(unit)
    else for (const key of units.keys(unit)) trained.add(key)
  })
  for (const unit of Units.ranked(units, held).reverse()) {
    const keys = units.keys(unit)
    if (keys.every((key) => trained.has(key))) continue
    dealt[unit] = "train"
    for (const key of keys) trained.add(key)
  }
  return trained
}

/** Fails when a part that has a share has no unit; training has always one. */
export const requireFilled = (
  dealt: Dealt,
  shares: Readonly<Partial<Record<Part, number>>>,
  told: (part: Part, share: number) => InvalidData,
): Effect.Effect<void, InvalidData> => {
  const empty = names.find((part) => (part === "train" || (shares[part] ?? 0) > 0) && !dealt.includes(part))
  return empty === undefined ? Effect.void : Effect.fail(told(empty, shares[empty] ?? 0))
}

/** The examples of every part, in their order. */
export const of = (examples: Dataset.Examples, units: Units.Units, dealt: Dealt) =>
  Dataset.dealt(examples, names, (at) => dealt[units.of[at]!]!)
