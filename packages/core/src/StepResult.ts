/** The record a finished step run leaves behind, under its content key. Failures leave none. */
import { Schema } from "effect"
import * as ContentKey from "./ContentKey.ts"

/** Artifacts by output name. */
export const Outputs = Schema.Record(Schema.String, Schema.Struct({ kind: Schema.String, hash: Schema.String }))
export type Outputs = typeof Outputs.Type

/** What a step run gave, with everything that decided it. */
export const StepResult = Schema.Struct({
  /** `ContentKey.keyOf(ingredients)`. */
  key: Schema.String,
  ingredients: ContentKey.Ingredients,
  /** Hash of the source of the step's `run` that made it: to say when that changed and the version did not. */
  code: Schema.String,
  outputs: Outputs,
  seconds: Schema.Number,
  /** ISO 8601, UTC. */
  finishedAt: Schema.String,
})
export type StepResult = typeof StepResult.Type
