/**
 * Resampling as steps: another training dataset, with rows repeated or left out. `Train.multiTask({ classes })` does the
 * same as examples are drawn, without a copy; a dataset of its own is for looking at, and for what reads datasets.
 *
 * Training examples only: for what is held out there is no such step, and its type does not fit.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as Classes from "./sample/Classes.ts"
import * as Walk from "./sample/Walk.ts"

/**
 * `Resample.classes({ examples: train, task: "mood", by: Sample.oversample() })`: as many examples of each class as one pass
 * of training with the same `classes` would draw.
 *
 * A copy has the labels of its example, those for other tasks too, an id of its own and the id of its origin. Examples
 * without a label for the task stay. Which are repeated or left out follows from the seed.
 *
 * Fails when the task has tags, label sets or numbers, or no labels at all.
 */
export const classes = Step.make({
  name: "Resample.classes",
  version: "1",
  input: {
    examples: Dataset.TrainExamples,
    task: Schema.String,
    by: Classes.Classes,
    seed: Seed.fromRun,
  },
  output: Dataset.TrainExamples,
  run: Effect.fnUntraced(function* ({ examples, task, by, seed }) {
    const { label } = yield* Step.StepRun
    const { emit } = yield* RunEvents
    const where = `${label}, task ${task}`
    yield* Dataset.requireTask(examples, task, where)
    const rows = [...Dataset.rowsOf(examples)]
    const labelled = rows.flatMap((row, at) => (Object.hasOwn(row.labels, task) ? [at] : []))
    if (labelled.length === 0) {
      const role = Dataset.roleOf(examples, task)
      return yield* new InvalidData({
        where,
        expected: "examples with one label each",
        got: (role && others[role]) ?? "none with a label",
        advice: "",
      })
    }
    const drawn = timesDrawn(rows, labelled, task, by, seed)
    const ids = new Set(rows.map(({ id }) => id))
    const resampled = rows.flatMap((row, at) => repeated(row, drawn.get(at) ?? 1, ids))
    const message = `${task}: ${resampled.length} examples from ${rows.length}`
    yield* emit({ _tag: "noticed", step: label, message })
    return Dataset.withRows(examples, resampled)
  }),
})

const others: { readonly [R in Dataset.Role]?: string } = {
  tags: "examples with tags",
  labels: "examples with several labels",
  score: "examples with numbers",
}

/** How often one pass draws each labelled row. */
const timesDrawn = (
  rows: ReadonlyArray<Dataset.Example>,
  labelled: ReadonlyArray<number>,
  task: string,
  by: Classes.Classes,
  seed: Seed.Seed,
): ReadonlyMap<number, number> => {
  const names = [...new Set(labelled.map((at) => rows[at]!.labels[task]!))].sort()
  const numbers = new Map(names.map((name, number) => [name, number]))
  const classOf = labelled.map((at) => numbers.get(rows[at]!.labels[task]!)!)
  const walk = Walk.make({ size: labelled.length, classes: classOf }, { ...Walk.plain, classes: by }, seed, task)
  const times = new Map(labelled.map((at) => [at, 0]))
  for (let left = walk.left(0); left > 0; left--) {
    const at = labelled[walk.next(0)]!
    times.set(at, times.get(at)! + 1)
  }
  return times
}

const repeated = (row: Dataset.Example, times: number, ids: Set<string>): ReadonlyArray<Dataset.Example> => {
  if (times === 0) return []
  const copies = Array.from({ length: times - 1 }, () => {
    let number = 1
    while (ids.has(`${row.id}~${number}`)) number++
    const id = `${row.id}~${number}`
    ids.add(id)
    return { ...row, id }
  })
  return [row, ...copies]
}
