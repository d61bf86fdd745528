/** One label an example: accuracy, macro-F1 and the confusion of labels. */
import * as Inference from "../Inference.ts"
import * as Classification from "../metrics/Classification.ts"
import type { TaskScores } from "../Scores.ts"
import { type Outcome, mean, surprise } from "./Outcome.ts"

export const outcome: Outcome = {
  figures: (task, { labels }, answers) =>
    figures(
      task,
      labels,
      answers.map(({ example, scores }) => ({ truth: example.classes[task]!, scores })),
    ),
  loss: (task, _, { example, scores }) => surprise(scores, example.classes[task]!),
  answer: ({ labels }, _, scores) => ({
    _tag: "classification",
    label: labels[Inference.best(scores)]!,
    probabilities: Object.fromEntries(Inference.probabilities(scores).map((share, at) => [labels[at]!, share])),
  }),
}

/** One example's class and what each class scored. */
export interface Answer {
  readonly truth: number
  readonly scores: ArrayLike<number>
}

/** Figures of a task with one label per example, whatever gave the scores; their softmax is taken for probabilities. */
export const figures = (task: string, labels: ReadonlyArray<string>, answers: ReadonlyArray<Answer>): TaskScores => {
  const ranked = ranking(task, labels, answers)
  const loss = mean(answers.map(({ truth, scores: each }) => surprise(each, truth)))
  return { ...ranked, metrics: { ...ranked.metrics, loss } }
}

/** The same of scores that say which class is best and are no logits: without `loss`. */
export const ranking = (task: string, labels: ReadonlyArray<string>, answers: ReadonlyArray<Answer>): TaskScores => {
  const truth = answers.map((answer) => labels[answer.truth]!)
  const result = Classification.score(
    truth,
    answers.map(({ scores: each }) => labels[Inference.best(each)]!),
  )
  const frequent = mostFrequent(truth)
  const constant = Classification.score(
    truth,
    truth.map(() => frequent),
  )
  return {
    task,
    head: "classification",
    examples: answers.length,
    metrics: { accuracy: result.accuracy, macroF1: result.macro.f1 },
    majority: { accuracy: constant.accuracy, macroF1: constant.macro.f1 },
    perLabel: result.perLabel,
    confusion: result.confusion,
  }
}

const mostFrequent = (labels: ReadonlyArray<string>): string => {
  const counts = new Map<string, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0] ?? ""
}
