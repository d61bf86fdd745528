/** What is made of a head's scores, whatever its kind: figures of many examples, the loss of one, an answer for people. */
import type * as Head from "@thaw/models/Head"
import type * as Words from "@thaw/models/Words"
import type * as Batch from "../Batch.ts"
import type * as Predict from "../Predict.ts"
import type { TaskScores } from "../Scores.ts"

/** An example that carries the task's answer, and what its head scored: `[classes]`, or `[tokens, classes]` for tokens, `[1]` for a number. */
export interface Scored {
  readonly example: Batch.EncodedExample
  readonly scores: Float32Array
}

/** A text that is asked for, cut into words and encoded. */
export interface Asked {
  readonly text: string
  readonly words: ReadonlyArray<Words.Word>
  readonly encoding: Batch.EncodedExample["encoding"]
}

/** Of heads of one kind. */
export interface Outcome<H = Head.Labelled> {
  /** Figures of a task, over the examples that carry its answer. */
  readonly figures: (task: string, head: H, answers: ReadonlyArray<Scored>) => TaskScores
  /** The loss of one example, in float64. */
  readonly loss: (task: string, head: H, answer: Scored) => number
  readonly answer: (head: H, asked: Asked, scores: Float32Array) => Predict.Answer
}

/** −log softmax(scores)[label], in float64. */
export const surprise = (scores: ArrayLike<number>, label: number): number => {
  const most = Math.max(...Array.from(scores))
  const sum = Array.from(scores, (score) => Math.exp(score - most)).reduce((total, each) => total + each, 0)
  return Math.log(sum) + most - scores[label]!
}

/** 0 of nothing. */
export const mean = (values: ReadonlyArray<number>): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
