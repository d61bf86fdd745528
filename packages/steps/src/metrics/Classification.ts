/**
 * Scores of a classification with one label per example: accuracy, precision, recall and F1, Matthews correlation,
 * confusion matrix.
 *
 * Conventions are scikit-learn's with `zero_division=0`: a quotient of zero by zero is 0, and averages go over the
 * labels that occur in truth or prediction.
 */
import { InvalidData } from "@thaw/core/Errors"

export interface LabelScores {
  readonly label: string
  readonly precision: number
  readonly recall: number
  readonly f1: number
  /** How many examples carry the label in truth. */
  readonly support: number
}

export interface Average {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

export interface Scores {
  readonly examples: number
  readonly accuracy: number
  /** Over all decisions; with one label per example all three equal the accuracy. */
  readonly micro: Average
  /** Unweighted mean over labels. */
  readonly macro: Average
  /** Mean over labels weighted by support. */
  readonly weighted: Average
  /** Matthews correlation, for several classes R_K (Gorodkin 2004); 0 where one side has a single label. */
  readonly mcc: number
  /** Sorted by label. */
  readonly perLabel: ReadonlyArray<LabelScores>
  /** `confusion[truth][prediction]`, in the order of `perLabel`. */
  readonly confusion: ReadonlyArray<ReadonlyArray<number>>
}

/** The quotient, 0 where nothing is counted. */
const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole)

/** Precision, recall and F1 from counts: also of chunks. */
export const average = (counts: {
  readonly correct: number
  readonly predicted: number
  readonly support: number
}): Average => ({
  precision: ratio(counts.correct, counts.predicted),
  recall: ratio(counts.correct, counts.support),
  f1: ratio(2 * counts.correct, counts.predicted + counts.support),
})

/** Throws `InvalidData` unless there is one prediction per example. */
export const score = (truth: ReadonlyArray<string>, predicted: ReadonlyArray<string>): Scores => {
  requireSameLength(truth.length, predicted.length, "examples")
  const labels = [...new Set([...truth, ...predicted])].sort()
  const place = new Map(labels.map((label, index) => [label, index]))
  const confusion = labels.map(() => labels.map(() => 0))
  truth.forEach((label, example) => confusion[place.get(label)!]![place.get(predicted[example]!)!]!++)

  const examples = truth.length
  const support = confusion.map(sum)
  const answers = labels.map((_, column) => sum(confusion.map((row) => row[column]!)))
  const hits = confusion.map((row, index) => row[index]!)
  const correct = sum(hits)
  const perLabel = labels.map((label, index) => ({
    label,
    ...average({ correct: hits[index]!, predicted: answers[index]!, support: support[index]! }),
    support: support[index]!,
  }))
  const mean = (weights: ReadonlyArray<number>): Average => {
    const of = (name: keyof Average) =>
      ratio(sum(perLabel.map((scores, index) => scores[name] * weights[index]!)), sum(weights))
    return { precision: of("precision"), recall: of("recall"), f1: of("f1") }
  }
  return {
    examples,
    accuracy: ratio(correct, examples),
    micro: average({ correct, predicted: examples, support: examples }),
    macro: mean(labels.map(() => 1)),
    weighted: mean(support),
    mcc: matthews(examples, correct, support, answers),
    perLabel,
    confusion,
  }
}

/** (c·s − Σ pₖtₖ) / √((s² − Σ pₖ²)(s² − Σ tₖ²)) with c correct of s examples, tₖ true and pₖ predicted per class. */
const matthews = (
  examples: number,
  correct: number,
  support: ReadonlyArray<number>,
  answers: ReadonlyArray<number>,
): number => {
  const dot = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => sum(a.map((value, index) => value * b[index]!))
  const spread = (examples ** 2 - dot(answers, answers)) * (examples ** 2 - dot(support, support))
  return ratio(correct * examples - dot(support, answers), Math.sqrt(spread))
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

/** Throws `InvalidData` unless there are as many predictions as truths. */
export const requireSameLength = (truth: number, predicted: number, of: string): void => {
  if (truth === predicted) return
  throw new InvalidData({
    where: "scores",
    expected: `a prediction for each of ${truth} ${of}`,
    got: `${predicted}`,
    advice: "",
  })
}
