/** Validation scores of tasks, and the one number that decisions look at. */
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Head from "@thaw/models/Head"
import { Effect, Schema } from "effect"
import type { TaskScores } from "../Scores.ts"

/** What an evaluation said of one task. */
export const Scored = Schema.Struct({
  task: Schema.String,
  head: Head.Kind,
  metrics: Schema.Record(Schema.String, Schema.Number),
})
export type Scored = typeof Scored.Type

export const of = ({ task, head, metrics }: TaskScores): Scored => ({ task, head, metrics })

/** What is looked at unless a metric is named. */
const usual = {
  classification: "macroF1",
  tokenClassification: "entityF1",
  multiLabel: "meanAveragePrecision",
  regression: "r2",
  maskedTokens: "loss",
  // The first that its loss goes with, see `heads/SentenceEmbedding`.
  sentenceEmbedding: ["spearman", "averagePrecision", "meanReciprocalRank", "accuracy"],
} as const satisfies Record<Scored["head"], string | ReadonlyArray<string>>

const usualOf = ({ head, metrics }: Scored): string => {
  const names = [usual[head]].flat()
  return names.find((name) => Object.hasOwn(metrics, name)) ?? names[0]!
}

const lowerIsBetter = new Set(["loss", "perplexity", "meanAbsoluteError", "meanSquaredError"])

/**
 * The task's score: higher is better, so a loss, an error or a perplexity counts negative.
 *
 * Fails on a metric that evaluation does not report.
 *
 * @param where names the step, for messages
 */
export const score = (
  scored: Scored,
  metric: string | undefined,
  where: string,
): Effect.Effect<number, InvalidData> => {
  const { task, metrics } = scored
  const name = metric ?? usualOf(scored)
  if (!Object.hasOwn(metrics, name)) {
    return Effect.fail(
      new InvalidData({
        where: `${where}, task ${task}, metric`,
        expected: `one of ${Problem.list(Object.keys(metrics))}`,
        got: JSON.stringify(name),
        advice: Problem.suggestion(name, Object.keys(metrics)),
      }),
    )
  }
  return Effect.succeed(lowerIsBetter.has(name) ? -metrics[name]! : metrics[name]!)
}

/** Mean of the tasks' scores; NaN where one of them is, or where there is no task. */
export const aggregate = (
  scores: ReadonlyArray<Scored>,
  metric: string | undefined,
  where: string,
): Effect.Effect<number, InvalidData> =>
  Effect.map(
    Effect.forEach(scores, (each) => score(each, metric, where)),
    (values) => values.reduce((sum, value) => sum + value, 0) / values.length,
  )

/** The scores with those of `later` in place of, or beside, their tasks' own; sorted by task. */
export const merged = (scores: ReadonlyArray<Scored>, later: ReadonlyArray<Scored>): ReadonlyArray<Scored> =>
  [...scores.filter(({ task }) => !later.some((other) => other.task === task)), ...later].sort((a, b) =>
    a.task < b.task ? -1 : 1,
  )

/** As JSON has it, which knows no NaN. */
export const json = ({ task, metrics }: Scored) => ({
  task,
  metrics: Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : null]),
  ),
})
