/**
 * Datasets: Arrow record batches whose fields say their role.
 *
 * ```
 * id       Utf8                      example id, unique in the dataset
 * origin   Utf8                      id of the example it was made from; its own id where it was not
 * text     Utf8                      role "text"   } one of the two
 * tokens   List<Utf8>                role "tokens" }
 * pair     Utf8                      role "pair": the second text, beside `text` or nowhere
 * negative Utf8                      role "negative": a third one, unlike the first, beside `pair` or nowhere
 * <task>   Dictionary<Utf8, Int32>   role "label", null where the example has no label for the task
 * <task>   List<Utf8>                role "tags", one per token, null where the example has none
 * <task>   List<Utf8>                role "labels", any number of them, null where nobody said
 * <task>   Float64                   role "score", null where the example has none
 * <name>   Utf8                      role "kept": what is no task but decides a split, such as a customer or a day
 * ```
 *
 * The role stands in the field's metadata under `thaw.role`. Three types share this form and nothing turns one into
 * another but a split: `Examples` (not yet split), `TrainExamples` (may be augmented, resampled, trained on) and
 * `HeldOutExamples` (may be evaluated on).
 *
 * A dataset may be larger than memory: its record batches are read when they are asked for, and what makes a dataset
 * takes its rows one by one. The same rows give the same bytes, whichever way they came.
 */
import { closeSync, openSync, statSync } from "node:fs"
import type * as Arrow from "apache-arrow"
import { Effect } from "effect"
import * as Artifact from "./Artifact.ts"
import type * as Cells from "./Cells.ts"
import { ArtifactBroken, InvalidData } from "./Errors.ts"
import { Fingerprints } from "./Fingerprints.ts"
import * as ExampleColumns from "./internal/ExampleColumns.ts"
import * as ExampleForm from "./internal/ExampleForm.ts"
import { own } from "./internal/ExampleColumns.ts"
import * as ExampleRows from "./internal/ExampleRows.ts"
import * as RecordBatchFile from "./RecordBatchFile.ts"
import * as Problem from "./Problem.ts"

export type Role =
  | "id"
  | "origin"
  | "text"
  | "pair"
  | "negative"
  | "tokens"
  | "label"
  | "tags"
  | "labels"
  | "score"
  | "kept"

declare const Part: unique symbol

export interface Dataset {
  readonly schema: Arrow.Schema
  readonly size: number
  /** Re-iterable; one is read when it is asked for. */
  readonly recordBatches: Iterable<Arrow.RecordBatch>
}
export interface Examples extends Dataset {
  readonly [Part]: "all"
}
export interface TrainExamples extends Dataset {
  readonly [Part]: "train"
}
export interface HeldOutExamples extends Dataset {
  readonly [Part]: "heldOut"
}

/** One row. Exactly one of `text` and `tokens` is there. */
export interface Example {
  readonly id: string
  readonly origin: string
  readonly text?: string
  /** The second text of a pair. */
  readonly pair?: string
  /** A third text that belongs less with the first than the second does. */
  readonly negative?: string
  readonly tokens?: ReadonlyArray<string>
  /** Label by task; a task without a label for this example is absent. */
  readonly labels: Readonly<Record<string, string>>
  /** Tags by task, one per token; absent where the example has none. */
  readonly tags: Readonly<Record<string, ReadonlyArray<string>>>
  /** By task with several labels an example: all that apply, which may be none; absent where nobody said. */
  readonly labelSets?: Readonly<Record<string, ReadonlyArray<string>>>
  /** Number by task; absent where the example has none. */
  readonly scores?: Readonly<Record<string, number>>
  /** By column that was kept though it is no task; absent where the example has none. */
  readonly kept?: Readonly<Record<string, string>>
}

/** Tasks by what their column holds, and columns that are kept though they are none. */
export interface Tasks {
  readonly labels: ReadonlyArray<string>
  readonly tags: ReadonlyArray<string>
  readonly labelSets?: ReadonlyArray<string>
  readonly scores?: ReadonlyArray<string>
  readonly kept?: ReadonlyArray<string>
}

/** Names of all tasks; what is kept is none. */
export const namesOf = ({ labels, tags, labelSets = [], scores = [] }: Tasks): ReadonlyArray<string> => [
  ...labels,
  ...tags,
  ...labelSets,
  ...scores,
]

/** Takes rows one by one and gives a dataset at the end. */
export interface Collector {
  readonly add: (row: Example) => void
  /**
   * Adds rows by columns, which hold what the tasks' columns need: neither tags nor label sets. The texts are taken as they
   * are: well-formed UTF-8, or what is made of them is none.
   *
   * @param taken is told, when its turn comes, of a row whose id an earlier one has: it is not added, and may be otherwise
   */
  readonly addColumns: (rows: Cells.Columns, start: number, end: number, taken: (row: number) => void) => void
  /** The place of the row with this id among those added; −1 when there is none. */
  readonly placeOf: (id: string) => number
  readonly end: () => Dataset
}

/** For rows that come one by one. Throws `InvalidData` as `fromRows` does, at the row. */
export const collector = (tasks: Tasks): Collector => {
  checkTasks(tasks)
  let form: ExampleColumns.Form | undefined
  let columns: ExampleColumns.Collector | undefined
  const ids = new Fingerprints()
  return {
    add: (row) => {
      form ??= ExampleColumns.formOf(row)
      columns ??= ExampleColumns.collector(form, tasks)
      ExampleForm.check(row, form)
      if (ids.add(row.id, ids.size) !== -1)
        ExampleForm.invalid(row, "an id of its own", "one that an earlier example has")
      columns.add(row)
    },
    addColumns: (rows, start, end, taken) => {
      const found = ExampleColumns.formOf(rows)
      form ??= found
      if (found !== form) ExampleForm.refuse({ id: textAt(rows.id, start) }, form, found)
      const into = (columns ??= ExampleColumns.collector(form, tasks))
      let from = start
      ids.addCells(rows.id, start, end, (row) => {
        into.addColumns(rows, from, row)
        from = row + 1
        taken(row)
      })
      into.addColumns(rows, from, end)
    },
    placeOf: (id) => ids.get(id),
    end: () => (columns ?? ExampleColumns.collector("text", tasks)).end(),
  }
}

/**
 * A dataset of these rows, which are taken once, one by one. Throws `InvalidData` on two rows with one id, on rows of
 * which some have text and some tokens, on tags that are not one per token, on a score that is no number, and on a task
 * named twice.
 *
 * @param tasks columns to make, also when no row has a value
 */
export const fromRows = (rows: Iterable<Example>, tasks: Tasks): Dataset => {
  const { add, end } = collector(tasks)
  for (const row of rows) add(row)
  return end()
}

const checkTasks = (tasks: Tasks): void => {
  const names = namesOf(tasks)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw new InvalidData({
      where: "dataset",
      expected: "every task once",
      got: `${Problem.list([twice])} twice`,
      advice: "",
    })
  }
}

const textAt = ({ bytes, from, to }: Cells.Cells, row: number): string => bytes.toString("utf8", from[row], to[row])

const columnsOf = ({ schema }: Pick<Dataset, "schema">, role: Role): ReadonlyArray<string> =>
  schema.fields
    .filter((field) => field.metadata.get(ExampleColumns.roleKey) === role)
    .map(({ name }) => name.slice(name.indexOf(".") + 1))

/** Tasks with a column of labels, of tags; of label sets, of scores and kept columns where there are any. */
export const tasksOf = (dataset: Pick<Dataset, "schema">): Tasks => {
  const labelSets = columnsOf(dataset, "labels")
  const scores = columnsOf(dataset, "score")
  const kept = columnsOf(dataset, "kept")
  return {
    labels: columnsOf(dataset, "label"),
    tags: columnsOf(dataset, "tags"),
    ...(labelSets.length > 0 && { labelSets }),
    ...(scores.length > 0 && { scores }),
    ...(kept.length > 0 && { kept }),
  }
}

/** Whether the examples have this part besides their first text. */
export const has = (dataset: Pick<Dataset, "schema">, part: "pair" | "negative"): boolean =>
  columnsOf(dataset, part).length > 0

/** What the column of a task holds; undefined where there is none. */
export const roleOf = ({ schema }: Pick<Dataset, "schema">, task: string): Role | undefined =>
  schema.fields.find(({ name }) => name === ExampleColumns.taskColumn(task))?.metadata.get(ExampleColumns.roleKey) as
    | Role
    | undefined

export const size = (dataset: Dataset): number => dataset.size

/** Every row, in order. Re-iterable: each time the record batches are read anew, and only one is held at a time. */
export const rowsOf = (dataset: Dataset): Iterable<Example> => ({
  *[Symbol.iterator]() {
    const tasks = tasksOf(dataset)
    for (const batch of dataset.recordBatches) yield* ExampleRows.rows(batch, tasks)
  },
})

/** The words of an example as one string: what duplicates and overlap are judged by, and what a text task reads. */
export const textOf = (example: Example): string => example.text ?? (example.tokens ?? []).join(" ")

/**
 * The same kind of dataset with other rows, which are taken once, one by one. Only for parts: it cannot make held-out
 * data out of training data.
 */
export const withRows = <D extends Dataset>(dataset: D, rows: Iterable<Example>): D =>
  fromRows(rows, tasksOf(dataset)) as D

/** Rows that satisfy the predicate, in order; it is asked once a row. */
export const filter = <D extends Dataset>(dataset: D, keep: (example: Example) => boolean): D => {
  const { add, end } = collector(tasksOf(dataset))
  for (const row of rowsOf(dataset)) if (keep(row)) add(row)
  return end() as D
}

/** Sorted labels that occur for a task; for tags and label sets, every one that occurs. */
export const labelsOf = (dataset: Dataset, task: string): ReadonlyArray<string> => {
  const seen = new Set<string>()
  const { labels } = tasksOf(dataset)
  if (labels.includes(task)) {
    // A dictionary holds the labels that occur, and all record batches have the same.
    const at = dataset.schema.fields.findIndex(({ name }) => name === ExampleColumns.taskColumn(task))
    for (const batch of dataset.recordBatches) {
      const { dictionary } = batch.data.children[at]!
      return dictionary === undefined ? [] : [...ExampleRows.dictionaryOf(dictionary)].sort()
    }
    return []
  }
  for (const row of rowsOf(dataset)) {
    for (const label of own(row.tags, task) ?? own(row.labelSets, task) ?? []) seen.add(label)
  }
  return [...seen].sort()
}

/** Fails unless the dataset has labels or tags for the task. */
export const requireTask = (dataset: Dataset, task: string, where: string): Effect.Effect<void, InvalidData> => {
  const known = namesOf(tasksOf(dataset))
  return known.includes(task)
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where,
          expected: `examples with labels for task ${JSON.stringify(task)}`,
          got: known.length === 0 ? "examples without labels" : `examples with labels for ${Problem.list(known)}`,
          advice: known.length === 0 ? "Name the label column where they are loaded." : Problem.suggestion(task, known),
        }),
      )
}

/** Fails unless the column was kept. */
export const requireKept = (dataset: Dataset, column: string, where: string): Effect.Effect<void, InvalidData> => {
  const { kept = [] } = tasksOf(dataset)
  return kept.includes(column)
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where,
          expected: `examples with the column ${JSON.stringify(column)} kept`,
          got: kept.length === 0 ? "examples with no column kept" : `examples with ${Problem.list(kept)} kept`,
          advice:
            Problem.nearest(column, kept).length > 0
              ? Problem.suggestion(column, kept)
              : `Pass keep: [${JSON.stringify(column)}] where they are loaded.`,
        }),
      )
}

const notExamples = (got: string) =>
  new ArtifactBroken({ where: "data.arrow", expected: "an Arrow IPC file of examples", got, advice: "" })

const kind = <D extends Dataset>(part: string): Artifact.Kind<D> =>
  Artifact.make<D>({
    kind: `examples/${part}`,
    write: ({ schema, recordBatches }) =>
      Effect.sync(() => {
        // What is no dataset is found here, not where its bytes are asked for.
        recordBatches[Symbol.iterator]()
        const chunks = { [Symbol.iterator]: () => RecordBatchFile.chunks(schema, recordBatches) }
        return new Map([["data.arrow", Artifact.chunks(chunks)]])
      }),
    read: (files) =>
      Effect.flatMap(Artifact.content(files, "data.arrow"), (content) =>
        Effect.try({
          // The kind under which the files are kept says which part of the data they are.
          try: () => ofContent(content) as D,
          catch: (cause) =>
            cause instanceof ArtifactBroken
              ? cause
              : notExamples(cause instanceof Error ? cause.message : String(cause)),
        }),
      ),
  })

const ofContent = (content: Artifact.Content): Dataset => {
  const sizeBytes = content._tag === "File" ? statSync(content.path).size : undefined
  const inMemory = content._tag === "File" ? undefined : Artifact.joined(content)
  /** A file is open while it is read. */
  const opened = function* <A>(use: (bytes: RecordBatchFile.Bytes) => Iterable<A>) {
    if (content._tag !== "File") return yield* use(RecordBatchFile.inMemory(inMemory!))
    const handle = openSync(content.path, "r")
    try {
      yield* use(RecordBatchFile.ofHandle(handle))
    } finally {
      closeSync(handle)
    }
  }
  const [index] = opened((bytes) => [RecordBatchFile.indexOf(bytes, sizeBytes ?? inMemory!.length)])
  const { schema, recordBatches } = index!
  if (!["id", "origin"].every((name) => schema.fields.some((field) => field.name === name))) {
    throw notExamples(`columns ${Problem.list(schema.fields.map(({ name }) => name)) || "none"}`)
  }
  return {
    schema,
    size: recordBatches.reduce((sum, { rows }) => sum + rows, 0),
    recordBatches: {
      [Symbol.iterator]: () => opened((bytes) => RecordBatchFile.recordBatches(bytes, index!)),
    },
  }
}

/** Loaded, not yet split. */
export const Examples: Artifact.Kind<Examples> = kind("all")
/** May be augmented, resampled and trained on; never evaluated on. */
export const TrainExamples: Artifact.Kind<TrainExamples> = kind("train")
/** May be evaluated on; never trained on. */
export const HeldOutExamples: Artifact.Kind<HeldOutExamples> = kind("heldOut")

/** Examples from rows: what loaders end with. */
export const examples = (rows: Iterable<Example>, tasks: Tasks): Examples => fromRows(rows, tasks) as Examples

/** Parts of one dataset. */
export type Parts<Names extends string> = { readonly train: TrainExamples } & {
  readonly [N in Exclude<Names, "train">]: HeldOutExamples
}

/** Parts of one dataset by row: what splits end with. */
export const parts = <Names extends string>(
  dataset: Examples,
  rows: { readonly train: Iterable<Example> } & Readonly<Record<Names, Iterable<Example>>>,
): Parts<Names> => {
  const tasks = tasksOf(dataset)
  const made = Object.entries<Iterable<Example>>(rows).map(([name, part]) => [name, fromRows(part, tasks)])
  return Object.fromEntries(made) as Parts<Names>
}

/**
 * Parts of one dataset, which is read once: every row goes to the part that is said for it, or to none.
 *
 * @param partOf the name of the row's part; `at` is its place in the dataset
 */
export const dealt = <const Names extends string>(
  dataset: Examples,
  names: ReadonlyArray<Names | "train">,
  partOf: (at: number, row: Example) => Names | "train" | undefined,
): Parts<Names> => {
  const tasks = tasksOf(dataset)
  const collectors = new Map(names.map((name) => [name, collector(tasks)]))
  let at = 0
  for (const row of rowsOf(dataset)) {
    const part = partOf(at++, row)
    if (part !== undefined) collectors.get(part)!.add(row)
  }
  return Object.fromEntries([...collectors].map(([name, { end }]) => [name, end()])) as Parts<Names>
}
