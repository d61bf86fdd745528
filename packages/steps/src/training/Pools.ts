/** The examples that each task's batches are drawn from: those that carry its label. */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Effect } from "effect"
import * as Batch from "../Batch.ts"
import * as Course from "../sample/Course.ts"
import * as Difficulty from "../sample/Difficulty.ts"
import type * as Masking from "../Masking.ts"
import * as Sampling from "../sample/Sampling.ts"

export interface Pool extends Course.Pool {
  readonly examples: ReadonlyArray<Batch.EncodedExample>
  /** How tokens are hidden whenever an example is drawn, where the task asks for that. */
  readonly mask?: Masking.Mask
}

/**
 * A pool per task, sorted by task: the order is part of the draws and must not depend on how the author wrote it.
 *
 * Fails when no example carries a task's label, when classes of tags are to be balanced, and when a curriculum asks for a
 * score that an example does not have.
 *
 * @param rates of tasks that are rehearsed
 * @param train what the corpora were encoded from, for scores
 * @param where names the step, for messages
 */
export const of = Effect.fnUntraced(function* (
  corpora: ReadonlyArray<Batch.Corpus>,
  rates: Readonly<Record<string, number>>,
  train: Readonly<Record<string, Dataset.Dataset>>,
  told: Sampling.Sampling,
  where: string,
): Effect.fn.Return<ReadonlyArray<Pool>, InvalidData> {
  const pools: Array<Pool> = []
  for (const corpus of corpora) {
    for (const task of corpus.tasks) {
      const labelled = those(corpus.examples, (example) => Batch.isDrawable(corpus, example, task))
      const pool = yield* poolOf(task, labelled, train[task]!, rates[task] ?? 1, told, `${where}, task ${task}`)
      const mask = corpus.masks[task]
      pools.push(mask === undefined ? pool : { ...pool, mask })
    }
  }
  return pools.sort((a, b) => (a.task < b.task ? -1 : 1))
})

/** What examples say of a task that is no classification with one class each. */
const formOf = (examples: ReadonlyArray<Batch.EncodedExample>, task: string): string => {
  const some = (of: (example: Batch.EncodedExample) => object | undefined) =>
    examples.some((example) => Object.hasOwn(of(example) ?? {}, task))
  if (some(({ tags }) => tags)) return "tags"
  if (some(({ classSets }) => classSets)) return "several labels an example"
  return some(({ scores }) => scores) ? "numbers" : "no labels"
}

/** The examples of which it is true. Where it is of all, which are many, they are no second list. */
const those = (
  examples: ReadonlyArray<Batch.EncodedExample>,
  isTrue: (example: Batch.EncodedExample) => boolean,
): ReadonlyArray<Batch.EncodedExample> => (examples.every(isTrue) ? examples : examples.filter(isTrue))

const poolOf = Effect.fnUntraced(function* (
  task: string,
  examples: ReadonlyArray<Batch.EncodedExample>,
  dataset: Dataset.Dataset,
  rate: number,
  told: Sampling.Sampling,
  where: string,
): Effect.fn.Return<Pool, InvalidData> {
  const size = examples.length
  if (size === 0) {
    return yield* new InvalidData({
      where,
      expected: "training examples that carry its label",
      got: "none",
      advice: "",
    })
  }
  const isBalanced = Sampling.ofTask(told.classes, task) !== undefined
  if (isBalanced && !examples.every(({ classes }) => Object.hasOwn(classes, task))) {
    return yield* new InvalidData({
      where: `${where}, classes`,
      expected: "a classification task, whose examples have one class each",
      got: `one with ${formOf(examples, task)}`,
      advice: "",
    })
  }
  const tokensOf = (row: number) => idsOf(examples[row]!)
  const curriculum = Sampling.ofTask(told.curriculum, task)
  const scores = curriculum?.by._tag === "score" ? yield* scoresOf(dataset, examples, curriculum.by.name, where) : []
  const difficulty =
    curriculum === undefined
      ? undefined
      : Difficulty.of(curriculum.by, { size, tokensOf, scoreOf: (row) => scores[row]! })
  return {
    task,
    size,
    rate,
    examples,
    ...(told.tokenBudget === undefined ? {} : { lengths: Int32Array.from(examples, Batch.tokensOf) }),
    ...(isBalanced ? { classes: Int32Array.from(examples, ({ classes }) => classes[task]!) } : {}),
    ...(difficulty === undefined ? {} : { difficulty }),
  }
})

/** Of all its texts, one after the other. */
const idsOf = (example: Batch.EncodedExample): Int32Array =>
  example.beside === undefined || example.beside.length === 0
    ? example.encoding.ids
    : Int32Array.from(Batch.rowsOf(example).flatMap(({ encoding }) => Array.from(encoding.ids)))

/** Scores of a column, by example. */
const scoresOf = Effect.fnUntraced(function* (
  dataset: Dataset.Dataset,
  examples: ReadonlyArray<Batch.EncodedExample>,
  name: string,
  where: string,
): Effect.fn.Return<ReadonlyArray<number>, InvalidData> {
  const { labels, scores: known = [] } = Dataset.tasksOf(dataset)
  if (!known.includes(name)) {
    return yield* new InvalidData({
      where: `${where}, curriculum`,
      expected: `examples with scores ${JSON.stringify(name)}`,
      got: known.length === 0 ? "examples without scores" : `examples with scores ${Problem.list(known)}`,
      advice: labels.includes(name)
        ? "It is loaded as labels: name it among the scores where it is loaded."
        : known.length === 0
          ? "Name the column where they are loaded, or let Difficulty.loss write it."
          : Problem.suggestion(name, known),
    })
  }
  const byId = new Map<string, number>()
  for (const { id, scores = {} } of Dataset.rowsOf(dataset)) {
    if (Object.hasOwn(scores, name)) byId.set(id, scores[name]!)
  }
  const missing = examples.find(({ id }) => !byId.has(id))
  if (missing === undefined) return examples.map(({ id }) => byId.get(id)!)
  return yield* new InvalidData({
    where: `${where}, curriculum, example ${JSON.stringify(missing.id)}`,
    expected: `a score ${JSON.stringify(name)}`,
    got: "none",
    advice: "",
  })
})

/** Sets of tasks whose labels one batch may have: those of a corpus together where examples have several labels. */
export const sets = (
  corpora: ReadonlyArray<Batch.Corpus>,
  { batches }: Pick<Sampling.Sampling, "batches">,
): ReadonlyArray<ReadonlyArray<string>> => {
  if (batches !== "homogeneous") return [corpora.flatMap(({ tasks }) => tasks)]
  return corpora.flatMap(({ tasks, examples, masks }) => {
    const labelled = tasks.filter((task) => !Object.hasOwn(masks, task))
    const isJoint = examples.some((example) => labelled.filter((task) => Batch.isLabelled(example, task)).length > 1)
    const alone = (isJoint ? Object.keys(masks) : tasks).map((task) => [task])
    return isJoint ? [labelled, ...alone] : alone
  })
}

/** Tokens of the longest example. */
export const longest = (pools: ReadonlyArray<Pool>): number =>
  pools.reduce(
    (most, { examples }) => examples.reduce((longer, example) => Math.max(longer, Batch.longestOf(example)), most),
    0,
  )

/** Texts of an example, each a row of a batch: those of one corpus have as many. */
export const textsOf = ([first]: ReadonlyArray<Batch.EncodedExample>): number =>
  first === undefined ? 1 : Batch.rowsOf(first).length

/**
 * Every corpus with how many of its examples the course draws in so many updates, repeats counted. Those in which tokens are
 * hidden are new each time, and not among them.
 */
export const drawnFrom = (corpora: ReadonlyArray<Batch.Corpus>, course: Course.Course, updates: number) => {
  const draws = Course.examples(course, updates)
  return corpora.map(({ tasks, examples, masks }) => {
    const kept = tasks.filter((task) => !Object.hasOwn(masks, task))
    const drawn = course.pools.reduce((sum, { task }, at) => sum + (kept.includes(task) ? draws[at]! : 0), 0)
    const asked = those(examples, (example) => kept.some((task) => Batch.isLabelled(example, task)))
    const each = textsOf(examples)
    return { examples: each === 1 ? asked : asked.flatMap(Batch.rowsOf), draws: Math.round(drawn * each) }
  })
}
