/**
 * How far a phase has come: everything besides tensors that its next update depends on.
 *
 * Draws are replayed from the seed and dropout's masks follow from the number of the update, so both need a count only.
 */
import type * as Group from "@thaw/models/Group"
import { Schema } from "effect"
import * as TokenBudget from "../sample/TokenBudget.ts"
import * as Balanced from "./Balanced.ts"
import * as EarlyStopping from "./EarlyStopping.ts"
import * as Scored from "./Scored.ts"

/** One evaluation on validation. */
export const Evaluation = Schema.Struct({ update: Schema.Int, scores: Schema.Array(Scored.Scored) })
export type Evaluation = typeof Evaluation.Type

export const Progress = Schema.Struct({
  /** Draws taken; one of a task that had stopped made no update. */
  update: Schema.Int,
  /** Tokens that updates took, and how many of them are padding. */
  tokens: Schema.Struct({ all: Schema.Int, padded: Schema.Int }),
  /** Updates per group that its moments come from, earlier phases included. */
  counts: Schema.Record(Schema.String, Schema.Int),
  evaluations: Schema.Array(Evaluation),
  /** Scores of the checkpoint that the phase was given, where it compares with them. */
  before: Schema.Array(Scored.Scored),
  /** States of what watches the scores, see `Verdict`. */
  watching: Schema.Record(Schema.String, EarlyStopping.State),
  /** Tasks that are no longer drawn → the update at which they stopped. */
  stopped: Schema.Record(Schema.String, Schema.Int),
  /** Where tasks are balanced, or their gradients looked at. */
  balance: Schema.optionalKey(Balanced.Balanced),
})
export type Progress = typeof Progress.Type

export const start = (
  counts: Readonly<Record<Group.Group, number>>,
  watching: Progress["watching"],
  before: Progress["before"],
): Progress => ({ update: 0, tokens: { all: 0, padded: 0 }, counts, evaluations: [], before, watching, stopped: {} })

/** Whether the weights as they are were scored. */
export const isEvaluated = ({ update, evaluations }: Progress): boolean => evaluations.at(-1)?.update === update

/** What an evaluation at this update said; nothing where there was none. */
export const scoresAt = ({ evaluations }: Progress, update: number): ReadonlyArray<Scored.Scored> =>
  evaluations.find((evaluation) => evaluation.update === update)?.scores ?? []

/** Micro-batches of these lengths more. */
export const taken = (progress: Progress, microBatches: ReadonlyArray<ReadonlyArray<number>>): Progress => {
  const { tokens } = progress
  const each = microBatches.map(TokenBudget.paddingOf)
  const sum = (of: (padding: TokenBudget.Padding) => number) => each.reduce((total, padding) => total + of(padding), 0)
  return {
    ...progress,
    tokens: { all: tokens.all + sum(({ all }) => all), padded: tokens.padded + sum(({ padded }) => padded) },
  }
}

/** Part of the tokens that updates took which is padding; 0 before any. */
export const padding = ({ tokens: { all, padded } }: Progress): number => (all === 0 ? 0 : padded / all)

/** One update more of these groups; none for a draw that was passed over. */
export const counted = (progress: Progress, groups: Iterable<Group.Group>): Progress => {
  const counts = { ...progress.counts }
  for (const group of groups) counts[group] = (counts[group] ?? 0) + 1
  return { ...progress, update: progress.update + 1, counts }
}
