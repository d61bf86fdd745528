/** Runs cleaning steps in pipelines on rows that stand in the test. */
import * as Dataset from "@thaw/core/Dataset"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import type * as Cleaning from "@thaw/steps/clean/Cleaning"
import { Schema } from "effect"
import * as World from "../world.ts"

export type Row = Omit<Dataset.Example, "origin" | "labels" | "tags"> &
  Partial<Pick<Dataset.Example, "labels" | "tags">>

export const example = (row: Row): Dataset.Example => ({ origin: row.id, labels: {}, tags: {}, ...row })

const Tasks = Schema.Struct({ labels: Schema.Array(Schema.String), tags: Schema.Array(Schema.String) })

/** The rows as examples that are not split yet. */
export const loaded = Step.make({
  name: "loaded",
  version: "1",
  input: { rows: Schema.Any, tasks: Tasks },
  output: Dataset.Examples,
  run: ({ rows, tasks }) => Dataset.examples(rows as ReadonlyArray<Dataset.Example>, tasks),
})

const halved = Step.make({
  name: "halved",
  version: "1",
  input: { examples: Dataset.Examples },
  output: { train: Dataset.TrainExamples, heldOut: Dataset.HeldOutExamples },
  run: ({ examples }) =>
    Dataset.parts<"train" | "heldOut">(examples, { train: [...Dataset.rowsOf(examples)], heldOut: [] }),
})

/** The rows as training examples. */
export const training = (examples: Wire.Wire<Dataset.Examples>) => halved({ examples }).train

export const wired = (rows: ReadonlyArray<Row>, tasks: typeof Tasks.Type = { labels: ["topic", "mood"], tags: [] }) =>
  loaded({ rows: rows.map(example), tasks })

export const make = () => {
  const world = World.make()
  return {
    ...world,
    /** Rows that are left, and what the report says. */
    cleaned: async <E extends Dataset.Dataset>({ examples, report }: Cleaning.Cleaned<E>) => {
      const { values } = await world.run({ examples, report })
      return { rows: [...Dataset.rowsOf(values.examples)], report: values.report }
    },
    refusal: async ({ report }: { readonly report: Wire.Wire<unknown> }) => {
      const { tag, problem } = (await world.failure({ report })) as { readonly tag: string; readonly problem: string }
      return [tag, problem]
    },
  }
}
