/** A number an example. */
import * as Measure from "@thaw/models/heads/Regression"
import * as Regression from "../metrics/Regression.ts"
import type { Outcome, Scored } from "./Outcome.ts"

const truthOf = (task: string, { example }: Scored): number => example.scores![task]!

/** Squared error in the measure of the head. */
const lossOf = (task: string, head: Measure.Regression, answer: Scored): number => {
  const error = Measure.inMeasure(head, truthOf(task, answer)) - Measure.inMeasure(head, answer.scores[0]!)
  return error ** 2
}

export const outcome: Outcome<Measure.Regression> = {
  figures: (task, head, answers) => {
    const truth = answers.map((answer) => truthOf(task, answer))
    const middle = Regression.mean(truth)
    const figures = (predicted: ReadonlyArray<number>) => {
      const { examples: _, ...metrics } = Regression.score(truth, predicted)
      return metrics
    }
    return {
      task,
      head: "regression",
      examples: answers.length,
      metrics: {
        ...figures(answers.map(({ scores }) => scores[0]!)),
        loss: Regression.mean(answers.map((answer) => lossOf(task, head, answer))),
      },
      majority: figures(truth.map(() => middle)),
      perLabel: [],
      confusion: [],
    }
  },
  loss: lossOf,
  answer: (_, __, scores) => ({ _tag: "regression", score: scores[0]! }),
}
