/** Training rows as the comparison needs them: a few drawn at random, and those of several datasets as one corpus. */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import * as Quota from "@thaw/steps/sample/Quota"
import { Effect, Schema } from "effect"

const Count = Schema.Int.check(Schema.isGreaterThan(0))

/**
 * `Rows.few({ examples: train, task: "sentiment", each: 150, seed: 1 })`: so many examples of every label, in the order
 * they had. Which they are follows from the seed and their ids alone.
 *
 * Fails when a label has fewer.
 */
export const few = Step.make({
  name: "Rows.few",
  version: "1",
  input: {
    examples: Dataset.TrainExamples,
    task: Schema.String,
    each: Count,
    seed: Seed.fromRun,
  },
  output: Dataset.TrainExamples,
  run: Effect.fnUntraced(function* ({ examples, task, each, seed }) {
    const { label: step } = yield* Step.StepRun
    yield* Dataset.requireTask(examples, task, step)
    const ranked = rankedByLabel(examples, task, seed)
    for (const [label, own] of ranked) {
      if (own.length < each) {
        return yield* new InvalidData({
          where: `${step}, task ${task}`,
          expected: `at least ${each} examples of every label`,
          got: `${own.length} of ${Problem.shown(label)}`,
          advice: "",
        })
      }
    }
    return drawn(examples, ranked, () => each)
  }),
})

/**
 * `Rows.stratified({ examples: train, task: "intent", count: 300, seed: 1 })`: so many examples, of every label its share
 * by largest remainders, in the order they had. Which they are follows from the seed, their ids and how many there are of
 * each label.
 *
 * Fails when there are fewer examples, and when a label would have none.
 */
export const stratified = Step.make({
  name: "Rows.stratified",
  version: "1",
  input: {
    examples: Dataset.TrainExamples,
    task: Schema.String,
    count: Count,
    seed: Seed.fromRun,
  },
  output: Dataset.TrainExamples,
  run: Effect.fnUntraced(function* ({ examples, task, count, seed }) {
    const { label: step } = yield* Step.StepRun
    yield* Dataset.requireTask(examples, task, step)
    const ranked = rankedByLabel(examples, task, seed)
    const labels = [...ranked.keys()].sort()
    const sizes = labels.map((label) => ranked.get(label)!.length)
    const total = sizes.reduce((sum, size) => sum + size, 0)
    const counts = Quota.largestRemainder(
      sizes.map((size) => size / total),
      count,
    )
    if (count > total || counts.includes(0)) {
      return yield* new InvalidData({
        where: `${step}, count`,
        expected: `at most ${total} examples, and so many that every label has one`,
        got: `${count}${count > total ? "" : ` of ${labels.length} labels`}`,
        advice: "",
      })
    }
    const counted = new Map(labels.map((label, at) => [label, counts[at]!]))
    return drawn(examples, ranked, (label) => counted.get(label)!)
  }),
})

type Ranked = ReadonlyMap<string, ReadonlyArray<string>>

/** Ids of the examples of every label, in an order that follows from the seed. */
const rankedByLabel = (examples: Dataset.TrainExamples, task: string, seed: Seed.Seed): Ranked => {
  const ranks = new Map<string, Array<{ readonly id: string; readonly rank: number }>>()
  for (const { id, labels } of Dataset.rowsOf(examples)) {
    if (!Object.hasOwn(labels, task)) continue
    const own = ranks.get(labels[task]!) ?? []
    own.push({ id, rank: Seed.fraction(seed, "example", id) })
    ranks.set(labels[task]!, own)
  }
  return new Map([...ranks].map(([label, own]) => [label, own.sort((a, b) => a.rank - b.rank).map(({ id }) => id)]))
}

/** The first of every label. */
const drawn = (examples: Dataset.TrainExamples, ranked: Ranked, count: (label: string) => number) => {
  const ids = new Set([...ranked].flatMap(([label, own]) => own.slice(0, count(label))))
  return Dataset.filter(examples, ({ id }) => ids.has(id))
}

/**
 * `Rows.corpus({ of: { intent, sentiment } })`: the texts of all, for a vocabulary. They keep no labels, and their ids begin
 * with their dataset's name.
 */
export const corpus = Step.make({
  name: "Rows.corpus",
  version: "1",
  input: { of: Artifact.record(Dataset.TrainExamples) },
  output: Dataset.TrainExamples,
  run: ({ of }) => {
    const rows = Object.entries(of).flatMap(([name, examples]) =>
      Array.from(Dataset.rowsOf(examples), (row) => {
        const id = `${name}/${row.id}`
        return { id, origin: id, text: Dataset.textOf(row), labels: {}, tags: {} }
      }),
    )
    return Dataset.parts(Dataset.examples([], { labels: [], tags: [] }), { train: rows }).train
  },
})
