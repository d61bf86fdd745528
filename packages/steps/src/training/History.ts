/** What a phase leaves in its checkpoint's history: plain JSON, the same bytes for the same phase. */
import { Option, Schema } from "effect"
import * as Balanced from "./Balanced.ts"
import * as Drift from "./Drift.ts"
import * as EarlyStopping from "./EarlyStopping.ts"

const Metrics = Schema.Record(Schema.String, Schema.NullOr(Schema.Number))

export const Entry = Schema.Struct({
  phase: Schema.Int,
  /** Patterns as the plan wrote them, and the groups they came to. */
  trains: Schema.Array(Schema.String),
  trainable: Schema.Array(Schema.String),
  /** Draws taken. */
  updates: Schema.Int,
  /** Part of the tokens that updates took which is padding; absent in entries of older versions. */
  padding: Schema.optionalKey(Schema.Number),
  /** Scores at the ends of epochs, of the tasks that were drawn. */
  validation: Schema.Array(Schema.Struct({ update: Schema.Int, task: Schema.String, metrics: Metrics })),
  /** Scores of every task with validation examples, of the checkpoint that the phase gave. */
  scores: Schema.Array(Schema.Struct({ task: Schema.String, metrics: Metrics })),
  /** Mean cosine of the encoder's vectors to those that training started with; absent before the encoder ever moved. */
  drift: Schema.optionalKey(Schema.Number),
  /** What drift is measured on, in the entry of the phase that first moved the encoder. */
  anchor: Schema.optionalKey(Drift.Anchor),
  /** The update whose weights the phase gave, where those are not the last. */
  restored: Schema.optionalKey(Schema.Int),
  /** Why the phase gave back the checkpoint as it came. */
  undone: Schema.optionalKey(Schema.String),
  /** Why the row of phases that unfreezes further has ended. */
  ended: Schema.optionalKey(Schema.String),
  /** How tasks counted against each other, where that was balanced or looked at. */
  balance: Schema.optionalKey(Balanced.Entry),
  /** State of early stopping that goes on in the next phase. */
  earlyStopping: Schema.optionalKey(Schema.Record(Schema.String, EarlyStopping.State)),
})
export type Entry = typeof Entry.Type

/** The latest phase's entry; undefined before any, or where a later version wrote it. */
export const latest = (history: ReadonlyArray<Schema.Json>): Entry | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(Entry)(history.at(-1)))

/** Every entry that can be read, oldest first. */
export const entries = (history: ReadonlyArray<Schema.Json>): ReadonlyArray<Entry> =>
  history.flatMap((each) => Option.toArray(Schema.decodeUnknownOption(Entry)(each)))

// The schema has JSON on both sides, which its type does not say.
export const json = (entry: Entry): Schema.Json => Schema.encodeSync(Entry)(entry)
