/**
 * One line of a run's log, and the record that is made of a run before it does anything.
 *
 * A log is JSON lines: one `Entry` each, in the order things happened, from `began` to `ended`. Numbers that JSON lacks
 * are written as text ("NaN", "Infinity", "-Infinity"): a diverged loss must survive.
 */
import { Schema } from "effect"
import * as ContentKey from "./ContentKey.ts"
import { RunEvent } from "./RunEvent.ts"
import { Outputs } from "./StepResult.ts"

const Texts = Schema.Record(Schema.String, Schema.String)

/** What is known about a run before it does anything: enough to start it again. */
export const RunStart = Schema.Struct({
  pipeline: Schema.String,
  /** Path of the pipeline's file as given. */
  file: Schema.String,
  seed: Schema.Int,
  /** What was set on the command line, by path. */
  arguments: Schema.Record(Schema.String, Schema.Json),
  /** Of everything that takes part, by name. */
  versions: Texts,
  gitCommit: Schema.optionalKey(Schema.String),
  lockfileHash: Schema.optionalKey(Schema.String),
  /** Facts about the machine by name, e.g. `platform`, `cpu`. */
  machine: Texts,
})
export type RunStart = typeof RunStart.Type

export const FinalStatus = Schema.Literals(["done", "failed", "interrupted"])
export type FinalStatus = typeof FinalStatus.Type

/** One step run of a run, computed or taken from the store. */
export const StepRan = Schema.Struct({
  /** The step's label in plans and events. */
  step: Schema.String,
  key: Schema.String,
  ingredients: ContentKey.Ingredients,
  outputs: Outputs,
  cached: Schema.Boolean,
  seconds: Schema.Number,
})
export type StepRan = typeof StepRan.Type

/** `at` is in milliseconds since 1970; `process` tells whether a run without an end still goes on. */
export const Entry = Schema.Union([
  Schema.TaggedStruct("began", { at: Schema.Number, process: Schema.String, start: RunStart }),
  Schema.TaggedStruct("event", { at: Schema.Number, event: RunEvent }),
  Schema.TaggedStruct("stepRan", { at: Schema.Number, stepRun: StepRan }),
  Schema.TaggedStruct("ended", { at: Schema.Number, status: FinalStatus }),
])
export type Entry = typeof Entry.Type

export const Line = Schema.fromJsonString(Schema.toCodecJson(Entry))
