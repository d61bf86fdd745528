/**
 * What a run says while it goes on. The same events feed the terminal, `--json` and the journal; programs rely on the
 * fields named here.
 */
import { Context, Schema } from "effect"
import type { Effect } from "effect"

const Metrics = Schema.Record(Schema.String, Schema.Number)

/** Why a step will run, or why it need not. */
export const PlannedStep = Schema.Struct({
  step: Schema.String,
  /** `null`: not known before an earlier step has run. */
  cached: Schema.NullOr(Schema.Boolean),
  why: Schema.String,
})

export const RunStarted = Schema.TaggedStruct("runStarted", {
  run: Schema.String,
  pipeline: Schema.String,
  seed: Schema.Int,
})
export const Planned = Schema.TaggedStruct("planned", { steps: Schema.Array(PlannedStep) })
export const StepStarted = Schema.TaggedStruct("stepStarted", {
  step: Schema.String,
  cached: Schema.Boolean,
  why: Schema.String,
})
export const StepFinished = Schema.TaggedStruct("stepFinished", {
  step: Schema.String,
  cached: Schema.Boolean,
  why: Schema.String,
  seconds: Schema.Number,
  outputs: Schema.Record(Schema.String, Schema.Struct({ kind: Schema.String, hash: Schema.String })),
})
export const PhaseStarted = Schema.TaggedStruct("phaseStarted", {
  step: Schema.String,
  phase: Schema.Int,
  trainable: Schema.Array(Schema.String),
  frozenBytes: Schema.Number,
  trainableParameters: Schema.Int,
  /**
   * The highest group of the frozen bottom, whether what it gives is kept, and how many bytes that is; `null` when the
   * embeddings train.
   */
  boundary: Schema.NullOr(Schema.Struct({ group: Schema.String, cached: Schema.Boolean, bytes: Schema.Number })),
  /** How many updates the phase will make. */
  updates: Schema.Int,
  /** What the session process is expected to take at its peak. */
  estimatedBytes: Schema.Number,
})
export const Update = Schema.TaggedStruct("update", {
  step: Schema.String,
  phase: Schema.Int,
  update: Schema.Int,
  /** Task the batch was drawn for; several are joined by `, `. */
  task: Schema.String,
  /** Weighted; with a balancer it may be negative. */
  loss: Schema.Number,
  /** As they are, by task, and how much each task's counted: where tasks are balanced. */
  losses: Schema.optionalKey(Metrics),
  weights: Schema.optionalKey(Metrics),
  learningRate: Schema.Number,
  examplesPerSecond: Schema.Number,
})
/** Gradients of the tasks' losses in one group, before an update, where a phase is told to look at them. */
export const Gradients = Schema.TaggedStruct("gradients", {
  step: Schema.String,
  phase: Schema.Int,
  update: Schema.Int,
  group: Schema.String,
  /** By task. */
  norms: Metrics,
  cosines: Schema.Array(Schema.Struct({ tasks: Schema.Tuple([Schema.String, Schema.String]), cosine: Schema.Number })),
})
export const Evaluated = Schema.TaggedStruct("evaluated", {
  step: Schema.String,
  phase: Schema.NullOr(Schema.Int),
  task: Schema.String,
  split: Schema.String,
  metrics: Metrics,
})
export const PhaseFinished = Schema.TaggedStruct("phaseFinished", {
  step: Schema.String,
  phase: Schema.Int,
  /** How many updates it made; those of earlier attempts are among them. */
  updates: Schema.Int,
  /** Part of the tokens of all its updates that is padding; absent in logs of older versions. */
  padding: Schema.optionalKey(Schema.Number),
  /** Of this attempt. */
  seconds: Schema.Number,
  /** The most memory that the session process had at once, in this attempt. */
  peakBytes: Schema.Number,
  /** Multiplications and additions of the matrix products that this attempt's updates and its frozen bottom made. */
  work: Schema.Number,
  /** Seconds that this work took: those of `seconds` in which it was waited for. */
  workSeconds: Schema.Number,
  /** What the phase may not change, and one hash of all of it, which was the same before and after. */
  frozen: Schema.Struct({ tensors: Schema.Int, sha256: Schema.String }),
  /** Validation of every task, of what the phase gave. */
  scores: Schema.Array(Schema.Struct({ task: Schema.String, metrics: Metrics })),
  /** How tasks counted against each other, at the start and after every epoch: where that was balanced. */
  balance: Schema.optionalKey(
    Schema.Struct({
      balancer: Schema.optionalKey(Schema.String),
      start: Metrics,
      moments: Schema.Array(
        Schema.Struct({ update: Schema.Int, weights: Metrics, losses: Metrics, plainSum: Schema.Number }),
      ),
    }),
  ),
})
/** How far a phase has come is kept: should it be stopped, its next attempt goes on there. */
export const Saved = Schema.TaggedStruct("saved", {
  step: Schema.String,
  phase: Schema.Int,
  update: Schema.Int,
  /** How many updates there are in all, at most. */
  of: Schema.Int,
})
/** One sentence a person should see: what was dropped, what is risky. */
export const Noticed = Schema.TaggedStruct("noticed", { step: Schema.String, message: Schema.String })
/** Share of a long step that is done, in its own units. */
export const Progressed = Schema.TaggedStruct("progressed", {
  step: Schema.String,
  done: Schema.Int,
  of: Schema.Int,
  unit: Schema.String,
})
export const RunFinished = Schema.TaggedStruct("runFinished", {
  run: Schema.String,
  status: Schema.Literals(["done", "failed", "interrupted"]),
  seconds: Schema.Number,
  outputs: Schema.Record(
    Schema.String,
    Schema.Struct({ kind: Schema.String, hash: Schema.String, path: Schema.String }),
  ),
  metrics: Metrics,
})
export const Failed = Schema.TaggedStruct("failed", {
  step: Schema.NullOr(Schema.String),
  error: Schema.Struct({ _tag: Schema.String, message: Schema.String }),
})

export const RunEvent = Schema.Union([
  RunStarted,
  Planned,
  StepStarted,
  StepFinished,
  PhaseStarted,
  Update,
  Gradients,
  Evaluated,
  PhaseFinished,
  Saved,
  Noticed,
  Progressed,
  RunFinished,
  Failed,
])
export type RunEvent = typeof RunEvent.Type

/** Where events go. One run has one; observers (terminal, JSON lines, journal) are joined by whoever provides it. */
export class RunEvents extends Context.Service<
  RunEvents,
  {
    readonly emit: (event: RunEvent) => Effect.Effect<void>
  }
>()("@thaw/core/RunEvents") {}

/** The event as one JSON line: `event` first, in place of `_tag`. */
export const toJsonLine = ({ _tag, ...rest }: RunEvent): string => JSON.stringify({ event: _tag, ...rest })
