/** A number an example. */
import * as Regression from "../metrics/Regression.ts"
import type { Outcome, Scored } from "./Outcome.ts"

export const outcome: Outcome = {
  figures: (task, _, answers) => {
    const truth = answers.map((answer) => truthOf(task, answer))
    const middle = Regression.mean(truth)
    const figures = (predicted: ReadonlyArray<number>) => {
      const { examples: _, ...metrics } = Regression.score(truth, predicted)
      return metrics
    }
    const metrics = figures(answers.map(({ scores }) => scores[0]!))
    return {
      task,
      head: "regression",
      examples: answers.length,
      metrics: { ...metrics, loss: metrics.meanSquaredError },
      majority: figures(truth.map(() => middle)),
      perLabel: [],
      confusion: [],
    }
  },
  loss: (task, _, answer) => (truthOf(task, answer) - answer.scores[0]!) ** 2,
  answer: (_, __, scores) => ({ _tag: "regression", score: scores[0]! }),
}

const truthOf = (task: string, { example }: Scored): number => example.scores![task]!
