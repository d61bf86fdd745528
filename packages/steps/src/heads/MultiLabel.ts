/** Any number of labels an example, each by itself. */
import type * as Head from "@thaw/models/Head"
import type { MultiLabel as MultiLabelHead } from "@thaw/models/heads/MultiLabel"
import * as MultiLabel from "../metrics/MultiLabel.ts"
import { mean, type Outcome, type Scored } from "./Outcome.ts"

type Own = MultiLabelHead & Pick<Head.Labelled, "labels">

export const outcome: Outcome<Own> = {
  figures: (task, head, answers) => {
    const { labels } = head
    const truth = answers.map(({ example }) => new Set(example.classSets![task]!.map((at) => labels[at]!)))
    const result = MultiLabel.score(
      labels,
      truth,
      answers.map(({ scores }) => new Set(above(head, scores).map((at) => labels[at]!))),
    )
    const frequent = mostFrequent(truth)
    const constant = MultiLabel.score(
      labels,
      truth,
      truth.map(() => frequent),
    )
    return {
      task,
      head: "multiLabel",
      examples: answers.length,
      metrics: {
        meanAveragePrecision: meanAveragePrecision(labels, truth, (label) =>
          answers.map(({ scores }) => scores[label]!),
        ),
        microF1: result.micro.f1,
        macroF1: result.macro.f1,
        subsetAccuracy: result.subsetAccuracy,
        loss: mean(answers.map((answer) => lossOf(task, head, answer))),
      },
      majority: {
        meanAveragePrecision: meanAveragePrecision(labels, truth, () => truth.map(() => 0)),
        microF1: constant.micro.f1,
        macroF1: constant.macro.f1,
        subsetAccuracy: constant.subsetAccuracy,
      },
      perLabel: result.perLabel,
      confusion: [],
    }
  },
  loss: (task, head, answer) => lossOf(task, head, answer),
  answer: (head, _, scores) => {
    const { labels } = head
    const shares = labels.map((label, at) => [label, probability(scores[at]!)] as const)
    const answered = above(head, scores).sort((a, b) => scores[b]! - scores[a]! || a - b)
    return {
      _tag: "multiLabel",
      labels: answered.map((at) => labels[at]!),
      probabilities: Object.fromEntries(shares),
    }
  },
}

/** The logistic function, in float64. */
const probability = (score: number): number => 1 / (1 + Math.exp(-score))

/** Classes that are answered, in order. */
const above = ({ threshold }: Own, scores: Float32Array): Array<number> =>
  Array.from(scores).flatMap((score, at) => (probability(score) > threshold ? [at] : []))

/** Binary cross-entropy, the mean over labels: log(1 + e^x) − y·x, in a form that does not overflow. */
const lossOf = (task: string, { labels }: Own, { example, scores }: Scored): number => {
  const own = new Set(example.classSets![task])
  return mean(
    labels.map((_, at) => {
      const score = scores[at]!
      return Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - (own.has(at) ? score : 0)
    }),
  )
}

/** Over the labels that occur in truth. */
const meanAveragePrecision = (
  labels: ReadonlyArray<string>,
  truth: ReadonlyArray<ReadonlySet<string>>,
  scoresOf: (label: number) => ReadonlyArray<number>,
): number =>
  mean(
    labels.flatMap((label, at) => {
      const has = truth.map((own) => own.has(label))
      return has.includes(true) ? [MultiLabel.averagePrecision(has, scoresOf(at))] : []
    }),
  )

/** The set that most examples have; the first of equals by its labels. */
const mostFrequent = (sets: ReadonlyArray<ReadonlySet<string>>): ReadonlySet<string> => {
  const counts = new Map<string, number>()
  for (const set of sets) {
    const key = JSON.stringify([...set].sort())
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const [first] = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
  return new Set(first === undefined ? [] : (JSON.parse(first[0]) as ReadonlyArray<string>))
}
