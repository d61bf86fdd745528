/** Training rows as the comparison needs them: a few drawn at random, and those of several datasets as one corpus. */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"

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
    each: Schema.Int.check(Schema.isGreaterThan(0)),
    seed: Seed.fromRun,
  },
  output: Dataset.TrainExamples,
  run: Effect.fnUntraced(function* ({ examples, task, each, seed }) {
    const { label: step } = yield* Step.StepRun
    yield* Dataset.requireTask(examples, task, step)
    const ranks = new Map<string, Array<{ readonly id: string; readonly rank: number }>>()
    for (const { id, labels } of Dataset.rowsOf(examples)) {
      if (!Object.hasOwn(labels, task)) continue
      const own = ranks.get(labels[task]!) ?? []
      own.push({ id, rank: Seed.fraction(seed, "example", id) })
      ranks.set(labels[task]!, own)
    }
    const drawn = new Set<string>()
    for (const [label, own] of ranks) {
      if (own.length < each) {
        return yield* new InvalidData({
          where: `${step}, task ${task}`,
          expected: `at least ${each} examples of every label`,
          got: `${own.length} of ${Problem.shown(label)}`,
          advice: "",
        })
      }
      own.sort((a, b) => a.rank - b.rank)
      for (const { id } of own.slice(0, each)) drawn.add(id)
    }
    return Dataset.filter(examples, ({ id }) => drawn.has(id))
  }),
})

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
