/**
 * Scores of a classification with any number of labels an example: precision, recall and F1 of every label, their
 * averages, how many label sets are right as a whole, and average precision, which looks at the order of the scores and
 * at no threshold.
 *
 * Conventions are scikit-learn's with `zero_division=0`: a quotient of zero by zero is 0. Averages go over the labels that
 * occur in truth or prediction, the mean of average precision over those that occur in truth.
 */
import * as Classification from "./Classification.ts"

export interface Scores {
  readonly examples: number
  /** Share of the examples all of whose labels are right. */
  readonly subsetAccuracy: number
  /** Over all decisions. */
  readonly micro: Classification.Average
  /** Unweighted mean over labels. */
  readonly macro: Classification.Average
  /** Labels that occur in truth or prediction, in their order. */
  readonly perLabel: ReadonlyArray<Classification.LabelScores>
}

/**
 * Throws `InvalidData` unless there is one prediction per example.
 *
 * @param labels all that there are
 * @param truth labels of every example, each once
 * @param predicted the same for what was predicted
 */
export const score = (
  labels: ReadonlyArray<string>,
  truth: ReadonlyArray<ReadonlySet<string>>,
  predicted: ReadonlyArray<ReadonlySet<string>>,
): Scores => {
  Classification.requireSameLength(truth.length, predicted.length, "examples")
  const counts = new Map(labels.map((label) => [label, { correct: 0, predicted: 0, support: 0 }]))
  let right = 0
  truth.forEach((own, example) => {
    const answer = predicted[example]!
    for (const label of own) counts.get(label)!.support++
    for (const label of answer) counts.get(label)!.predicted++
    const common = [...own].filter((label) => answer.has(label))
    for (const label of common) counts.get(label)!.correct++
    if (common.length === own.size && own.size === answer.size) right++
  })
  const occurring = [...counts].filter(([, each]) => each.support + each.predicted > 0)
  const perLabel = occurring.map(([label, each]) => ({
    label,
    ...Classification.average(each),
    support: each.support,
  }))
  const total = (name: "correct" | "predicted" | "support") => occurring.reduce((sum, [, each]) => sum + each[name], 0)
  const mean = (name: keyof Classification.Average) =>
    perLabel.length === 0 ? 0 : perLabel.reduce((sum, each) => sum + each[name], 0) / perLabel.length
  return {
    examples: truth.length,
    subsetAccuracy: truth.length === 0 ? 0 : right / truth.length,
    micro: Classification.average({
      correct: total("correct"),
      predicted: total("predicted"),
      support: total("support"),
    }),
    macro: { precision: mean("precision"), recall: mean("recall"), f1: mean("f1") },
    perLabel,
  }
}

/**
 * Σ (Rₙ − Rₙ₋₁)·Pₙ over the thresholds that tell examples apart, highest first, with recall R and precision P of what
 * scores at least that (scikit-learn's `average_precision_score`); examples of one score come together. 0 where none has
 * the label.
 *
 * @param scores of one label, one per example
 */
export const averagePrecision = (truth: ReadonlyArray<boolean>, scores: ArrayLike<number>): number => {
  Classification.requireSameLength(truth.length, scores.length, "examples")
  const support = truth.filter(Boolean).length
  if (support === 0) return 0
  const order = truth.map((_, at) => at).sort((a, b) => scores[b]! - scores[a]!)
  let sum = 0
  let correct = 0
  let before = 0
  order.forEach((example, at) => {
    if (truth[example] === true) correct++
    if (at + 1 < order.length && scores[order[at + 1]!] === scores[example]) return
    sum += ((correct - before) / support) * (correct / (at + 1))
    before = correct
  })
  return sum
}
