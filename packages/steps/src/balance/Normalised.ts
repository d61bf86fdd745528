/**
 * Every loss is divided by what guessing costs, so that all tasks start near 1: cross-entropy starts near log C for a head
 * of C labels, binary cross-entropy near log 2, and squared error is 1 for always the mean. The weights stay.
 */
import { Schema } from "effect"
import * as Method from "./Method.ts"

export const Normalised = Schema.TaggedStruct("normalised", {})
export type Normalised = typeof Normalised.Type

export const weight = (guessing: number): number => 1 / guessing

export const machine = (_: Normalised, { tasks, guessing }: Method.World): Method.Machine => {
  const weights = Method.each(tasks, (task) => weight(guessing[task]!))
  return Method.make({ state: Schema.Struct({}), start: {}, weights: () => weights })
}
