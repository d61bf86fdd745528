/** What evaluating a checkpoint on held-out examples gives: figures per task, as a small JSON artifact. */
import * as Artifact from "@thaw/core/Artifact"
import * as Head from "@thaw/models/Head"
import { Schema } from "effect"

export const LabelScores = Schema.Struct({
  label: Schema.String,
  precision: Schema.Number,
  recall: Schema.Number,
  f1: Schema.Number,
  /** How many units carry this label in truth. */
  support: Schema.Int,
})

export const TaskScores = Schema.Struct({
  task: Schema.String,
  head: Head.Kind,
  /** How many examples carry a label for the task. */
  examples: Schema.Int,
  /**
   * `loss`, and by kind of head:
   *
   * ```
   * classification        accuracy, macroF1
   * tokenClassification   entityPrecision, entityRecall, entityF1, tokenAccuracy
   * multiLabel            meanAveragePrecision, microF1, macroF1, subsetAccuracy
   * regression            r2, pearson, spearman, meanAbsoluteError, meanSquaredError; its loss is in the measure of the head
   * maskedTokens          accuracy, perplexity
   * sentenceEmbedding     by its loss, see `heads/SentenceEmbedding`
   * ```
   */
  metrics: Schema.Record(Schema.String, Schema.Number),
  /**
   * The same figures for always giving one answer: the most frequent label or label set of these examples, or the mean
   * of their numbers. Empty for tags and hidden tokens.
   */
  majority: Schema.Record(Schema.String, Schema.Number),
  /** Per class, or per entity type; empty for numbers and hidden tokens. */
  perLabel: Schema.Array(LabelScores),
  /** `confusion[truth][prediction]` in the order of `perLabel`; empty but for one label an example. */
  confusion: Schema.Array(Schema.Array(Schema.Int)),
  /** Share of the examples whose texts the checkpoint was trained on; absent where that is not known. */
  overlap: Schema.optionalKey(Schema.Number),
})
export type TaskScores = typeof TaskScores.Type

export const Scores = Schema.Struct({ tasks: Schema.Array(TaskScores) })
export type Scores = typeof Scores.Type

export const kind = Artifact.json("scores", Scores)
