/** From scores to figures: how well held-out examples are answered, task by task. */
import { InvalidData } from "@thaw/core/Errors"
import type { SessionFailed } from "@thaw/onnx/Errors"
import { Effect } from "effect"
import type * as Batch from "./Batch.ts"
import { isLabelled } from "./Batch.ts"
import * as HiddenTokens from "./HiddenTokens.ts"
import * as Inference from "./Inference.ts"
import { heldOutSeed } from "./Masking.ts"
import * as Classification from "./metrics/Classification.ts"
import * as Entities from "./metrics/Entities.ts"
import type { TaskScores } from "./Scores.ts"

/** Scores of every task of every corpus, sorted by task. */
export const scores = Effect.fnUntraced(function* (
  answering: Inference.Answering,
  corpora: ReadonlyArray<Batch.Corpus>,
): Effect.fn.Return<ReadonlyArray<TaskScores>, SessionFailed> {
  const found: Array<TaskScores> = []
  for (const { tasks: all, examples, masks } of corpora) {
    for (const [task, mask] of Object.entries(masks)) {
      if (!all.includes(task)) continue
      found.push(masked(task, examples.length, yield* HiddenTokens.of(answering, task, examples, mask, heldOutSeed)))
    }
    const tasks = all.filter((task) => !Object.hasOwn(masks, task))
    if (tasks.length === 0) continue
    const labelled = examples.filter((example) => tasks.some((task) => isLabelled(example, task)))
    const logits = yield* Inference.logits(answering, labelled, tasks)
    for (const task of tasks) {
      const pairs = labelled.flatMap((example, at) =>
        isLabelled(example, task) ? [{ example, scores: logits[at]![task]! }] : [],
      )
      const { kind, labels } = answering.heads[task]!
      const answers = () => pairs.map(({ example, scores: each }) => ({ truth: example.classes[task]!, scores: each }))
      found.push(kind === "classification" ? classification(task, labels, answers()) : tokens(task, labels, pairs))
    }
  }
  return found.sort((a, b) => (a.task < b.task ? -1 : 1))
})

/** Figures of a task that asks for hidden tokens; perplexity is e to the mean surprise. */
const masked = (task: string, examples: number, { surprises, right }: HiddenTokens.Found): TaskScores => {
  const loss = mean(surprises)
  return {
    task,
    head: "maskedTokens",
    examples,
    metrics: { accuracy: surprises.length === 0 ? 0 : right / surprises.length, loss, perplexity: Math.exp(loss) },
    majority: {},
    perLabel: [],
    confusion: [],
  }
}

interface Pair {
  readonly example: Batch.EncodedExample
  readonly scores: Float32Array
}

/** Fails unless examples carry the task's label. */
export const requireExamples = (count: number, task: string, where: string): Effect.Effect<void, InvalidData> =>
  count > 0
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where: `${where}, task ${task}`,
          expected: "examples that carry its label",
          got: "none",
          advice: "Evaluate the tasks that the held-out part has labels for.",
        }),
      )

/** One example's class and what each class scored. */
export interface Answer {
  readonly truth: number
  readonly scores: ArrayLike<number>
}

/** Figures of a task with one label per example, whatever gave the scores; their softmax is taken for probabilities. */
export const classification = (
  task: string,
  labels: ReadonlyArray<string>,
  answers: ReadonlyArray<Answer>,
): TaskScores => {
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

const tokens = (task: string, labels: ReadonlyArray<string>, pairs: ReadonlyArray<Pair>): TaskScores => {
  const outside = Math.max(0, labels.indexOf("O"))
  const losses: Array<number> = []
  const predicted = pairs.map(({ example, scores: each }) => {
    const truth = example.tags[task]!
    const words = Inference.perWord(each, labels.length, example.encoding, truth.length, outside)
    words.forEach(({ token }, word) => {
      if (token === undefined) return
      losses.push(surprise(each.subarray(token * labels.length, (token + 1) * labels.length), truth[word]!))
    })
    return words.map(({ label }) => labels[label]!)
  })
  const result = Entities.score(
    pairs.map(({ example }) => example.tags[task]!.map((tag) => labels[tag]!)),
    predicted,
  )
  return {
    task,
    head: "tokenClassification",
    examples: pairs.length,
    metrics: {
      entityF1: result.f1,
      entityPrecision: result.precision,
      entityRecall: result.recall,
      tokenAccuracy: result.tokenAccuracy,
      loss: mean(losses),
    },
    majority: {},
    perLabel: result.perLabel.map(({ label, precision, recall, f1, support }) => ({
      label,
      precision,
      recall,
      f1,
      support,
    })),
    confusion: [],
  }
}

/** The loss of one example by its logits; of tags the mean over words, 0 where all of them were cut off. */
export const lossOf = (
  { classes: truth, tags, encoding }: Batch.EncodedExample,
  task: string,
  scores: Float32Array,
  classes: number,
): number => {
  if (Object.hasOwn(truth, task)) return surprise(scores, truth[task]!)
  const words = tags[task]!
  const losses = Inference.perWord(scores, classes, encoding, words.length, 0).flatMap(({ token }, word) =>
    token === undefined ? [] : [surprise(scores.subarray(token * classes, (token + 1) * classes), words[word]!)],
  )
  return mean(losses)
}

/** −log softmax(scores)[label], in float64. */
const surprise = (scores: ArrayLike<number>, label: number): number => {
  const most = Math.max(...Array.from(scores))
  const sum = Array.from(scores, (score) => Math.exp(score - most)).reduce((total, each) => total + each, 0)
  return Math.log(sum) + most - scores[label]!
}

const mean = (values: ReadonlyArray<number>): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

const mostFrequent = (labels: ReadonlyArray<string>): string => {
  const counts = new Map<string, number>()
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1)
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0] ?? ""
}
