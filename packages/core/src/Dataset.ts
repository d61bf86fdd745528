/**
 * Datasets: Arrow tables whose fields say their role.
 *
 * ```
 * id       Utf8                      example id, unique in the dataset
 * origin   Utf8                      id of the example it was made from; its own id where it was not
 * text     Utf8                      role "text"   } one of the two
 * tokens   List<Utf8>                role "tokens" }
 * <task>   Dictionary<Utf8, Int32>   role "label", null where the example has no label for the task
 * <task>   List<Utf8>                role "tags", one per token, null where the example has none
 * ```
 *
 * The role stands in the field's metadata under `thaw.role`. Three types share this form and nothing turns one into
 * another but a split: `Examples` (not yet split), `TrainExamples` (may be augmented, resampled, trained on) and
 * `HeldOutExamples` (may be evaluated on).
 */
import * as Arrow from "apache-arrow"
import { Effect } from "effect"
import * as Artifact from "./Artifact.ts"
import { ArtifactBroken, InvalidData } from "./Errors.ts"
import * as Problem from "./Problem.ts"

export type Role = "id" | "origin" | "text" | "tokens" | "label" | "tags"

declare const Part: unique symbol

export interface Dataset {
  readonly table: Arrow.Table
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
  readonly tokens?: ReadonlyArray<string>
  /** Label by task; a task without a label for this example is absent. */
  readonly labels: Readonly<Record<string, string>>
  /** Tags by task, one per token; absent where the example has none. */
  readonly tags: Readonly<Record<string, ReadonlyArray<string>>>
}

const roleKey = "thaw.role"

const utf8 = (values: ReadonlyArray<string>): Arrow.Vector => Arrow.vectorFromArray(values, new Arrow.Utf8())

const lists = (values: ReadonlyArray<ReadonlyArray<string> | null>): Arrow.Vector =>
  Arrow.vectorFromArray(
    values as Array<Array<string> | null>,
    new Arrow.List(new Arrow.Field("item", new Arrow.Utf8())),
  )

/** The dictionary holds the labels sorted, so it does not depend on the order of the rows; its id is unique in the table. */
const dictionary = (values: ReadonlyArray<string | null>, id: number): Arrow.Vector => {
  const labels = [...new Set(values.filter((value) => value !== null))].sort()
  const codes = new Map(labels.map((label, code) => [label, code]))
  const type = new Arrow.Dictionary(new Arrow.Utf8(), new Arrow.Int32(), id)
  const data = Arrow.vectorFromArray(
    values.map((value) => (value === null ? null : codes.get(value)!)),
    new Arrow.Int32(),
  ).data[0]!
  return Arrow.makeVector(
    Arrow.makeData({
      type,
      length: values.length,
      nullCount: data.nullCount,
      nullBitmap: data.nullBitmap,
      data: data.values,
      dictionary: utf8(labels),
    }),
  )
}

/**
 * A table of these rows. Throws `InvalidData` on two rows with one id, on rows of which some have text and some tokens, on
 * tags that are not one per token, and on a task named twice.
 *
 * @param tasks label and tag columns to make, also when no row has a value
 */
export const fromRows = (
  rows: ReadonlyArray<Example>,
  tasks: { readonly labels: ReadonlyArray<string>; readonly tags: ReadonlyArray<string> },
): Dataset => {
  const inTokens = rows[0]?.tokens !== undefined
  checkTasks(tasks)
  checkRows(rows, inTokens)
  const columns: Array<readonly [name: string, role: Role, vector: Arrow.Vector]> = [
    ["id", "id", utf8(rows.map((row) => row.id))],
    ["origin", "origin", utf8(rows.map((row) => row.origin))],
    inTokens
      ? ["tokens", "tokens", lists(rows.map((row) => row.tokens ?? []))]
      : ["text", "text", utf8(rows.map((row) => row.text ?? ""))],
    ...tasks.labels.map(
      (task, id) =>
        [
          labelColumn(task),
          "label",
          dictionary(
            rows.map((row) => own(row.labels, task) ?? null),
            id,
          ),
        ] as const,
    ),
    ...tasks.tags.map(
      (task) => [labelColumn(task), "tags", lists(rows.map((row) => own(row.tags, task) ?? null))] as const,
    ),
  ]
  const fields = columns.map(
    ([name, role, vector]) => new Arrow.Field(name, vector.type, true, new Map([[roleKey, role]])),
  )
  const schema = new Arrow.Schema(fields)
  const struct = Arrow.makeData({
    type: new Arrow.Struct(fields),
    length: rows.length,
    nullCount: 0,
    children: columns.map(([, , vector]) => vector.data[0]!),
  })
  return { table: new Arrow.Table(schema, new Arrow.RecordBatch(schema, struct)) }
}

/** A task may be called like something every object inherits. */
const own = <A>(record: Readonly<Record<string, A>>, task: string): A | undefined =>
  Object.hasOwn(record, task) ? record[task] : undefined

const checkTasks = (tasks: { readonly labels: ReadonlyArray<string>; readonly tags: ReadonlyArray<string> }): void => {
  const names = [...tasks.labels, ...tasks.tags]
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

const checkRows = (rows: ReadonlyArray<Example>, inTokens: boolean): void => {
  const refuse = (row: Example, expected: string, got: string, advice = "") => {
    throw new InvalidData({ where: `example ${JSON.stringify(row.id)}`, expected, got, advice })
  }
  const wanted = inTokens ? "tokens" : "text"
  const ids = new Set<string>()
  for (const row of rows) {
    if (ids.has(row.id)) refuse(row, "an id of its own", "one that an earlier example has")
    ids.add(row.id)
    if (formOf(row) !== wanted) refuse(row, wanted, formOf(row), "The examples of one dataset have one form.")
    for (const [task, tags] of Object.entries(row.tags)) {
      const tokens = row.tokens?.length ?? 0
      if (tags.length !== tokens)
        refuse(row, `${tokens} tags for task ${JSON.stringify(task)}, one per token`, String(tags.length))
    }
  }
}

const formOf = ({ text, tokens }: Example): string =>
  [text === undefined ? [] : "text", tokens === undefined ? [] : "tokens"].flat().join(" and ") || "neither"

/** Columns of tasks live under a prefix, so that a task may be called `text` or `id`. */
const labelColumn = (task: string): string => `task.${task}`

const taskOf = (column: string): string => column.slice("task.".length)

const columnsOf = (dataset: Dataset, role: Role): ReadonlyArray<string> =>
  dataset.table.schema.fields.filter((field) => field.metadata.get(roleKey) === role).map((field) => field.name)

/** Tasks with a label column, tasks with a tags column. */
export const tasksOf = (
  dataset: Dataset,
): { readonly labels: ReadonlyArray<string>; readonly tags: ReadonlyArray<string> } => ({
  labels: columnsOf(dataset, "label").map(taskOf),
  tags: columnsOf(dataset, "tags").map(taskOf),
})

export const size = (dataset: Dataset): number => dataset.table.numRows

/** Every row, in order. */
export const rowsOf = (dataset: Dataset): ReadonlyArray<Example> => {
  const column = (name: string) => {
    const vector = dataset.table.getChild(name)
    return vector === null ? undefined : [...vector]
  }
  const tasks = tasksOf(dataset)
  const ids = column("id") as Array<string>
  const origins = column("origin") as Array<string>
  const texts = column("text") as Array<string> | undefined
  const tokens = column("tokens") as Array<Arrow.Vector> | undefined
  const labels = tasks.labels.map((task) => [task, column(labelColumn(task)) as Array<string | null>] as const)
  const tags = tasks.tags.map((task) => [task, column(labelColumn(task)) as Array<Arrow.Vector | null>] as const)
  const present = <A, B>(
    columns: ReadonlyArray<readonly [string, Array<A | null>]>,
    row: number,
    to: (value: A) => B,
  ) =>
    Object.fromEntries(
      columns.flatMap(([task, values]) => {
        const value = values[row]
        return value === null || value === undefined ? [] : [[task, to(value)] as const]
      }),
    )
  return ids.map((id, row) => ({
    id,
    origin: origins[row]!,
    ...(texts === undefined ? {} : { text: texts[row]! }),
    ...(tokens === undefined ? {} : { tokens: [...tokens[row]!] as Array<string> }),
    labels: present(labels, row, (label: string) => label),
    tags: present(tags, row, (list: Arrow.Vector) => [...list] as Array<string>),
  }))
}

/** The words of an example as one string: what duplicates and overlap are judged by, and what a text task reads. */
export const textOf = (example: Example): string => example.text ?? (example.tokens ?? []).join(" ")

/**
 * The same kind of dataset with other rows. Only for parts: it cannot make held-out data out of training data.
 */
export const withRows = <D extends Dataset>(dataset: D, rows: ReadonlyArray<Example>): D =>
  fromRows(rows, tasksOf(dataset)) as D

/** Rows that satisfy the predicate, in order. */
export const filter = <D extends Dataset>(dataset: D, keep: (example: Example) => boolean): D =>
  withRows(dataset, rowsOf(dataset).filter(keep))

/** Sorted labels that occur for a task; for tags, every tag that occurs. */
export const labelsOf = (dataset: Dataset, task: string): ReadonlyArray<string> => {
  const seen = new Set<string>()
  for (const row of rowsOf(dataset)) {
    const label = own(row.labels, task)
    if (label !== undefined) seen.add(label)
    for (const tag of own(row.tags, task) ?? []) seen.add(tag)
  }
  return [...seen].sort()
}

/** Fails unless the dataset has labels or tags for the task. */
export const requireTask = (dataset: Dataset, task: string, where: string): Effect.Effect<void, InvalidData> => {
  const { labels, tags } = tasksOf(dataset)
  const known = [...labels, ...tags]
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

const notExamples = (got: string) =>
  new ArtifactBroken({ where: "data.arrow", expected: "an Arrow IPC file of examples", got, advice: "" })

const kind = <D extends Dataset>(part: string): Artifact.Kind<D> =>
  Artifact.make<D>({
    kind: `examples/${part}`,
    write: (dataset) =>
      Effect.sync(() => new Map([["data.arrow", Artifact.bytes(Arrow.tableToIPC(dataset.table, "file"))]])),
    read: (files) =>
      Artifact.readBytes(files, "data.arrow").pipe(
        Effect.flatMap((content) =>
          Effect.try({ try: () => Arrow.tableFromIPC(content), catch: (cause) => notExamples(String(cause)) }),
        ),
        // Bytes that are no Arrow file are read as a table without columns.
        Effect.filterOrFail(
          (table) => ["id", "origin"].every((name) => table.schema.fields.some((field) => field.name === name)),
          (table) => notExamples(`columns ${Problem.list(table.schema.fields.map((field) => field.name)) || "none"}`),
        ),
        // The kind under which the files are kept says which part of the data they are.
        Effect.map((table) => ({ table }) as unknown as D),
      ),
  })

/** Loaded, not yet split. */
export const Examples: Artifact.Kind<Examples> = kind("all")
/** May be augmented, resampled and trained on; never evaluated on. */
export const TrainExamples: Artifact.Kind<TrainExamples> = kind("train")
/** May be evaluated on; never trained on. */
export const HeldOutExamples: Artifact.Kind<HeldOutExamples> = kind("heldOut")

/** Examples from rows: what loaders end with. */
export const examples = (
  rows: ReadonlyArray<Example>,
  tasks: { readonly labels: ReadonlyArray<string>; readonly tags: ReadonlyArray<string> },
): Examples => fromRows(rows, tasks) as Examples

/** Two parts of one dataset by row: what splits end with. */
export const parts = <Names extends string>(
  dataset: Examples,
  rows: { readonly train: ReadonlyArray<Example> } & Readonly<Record<Names, ReadonlyArray<Example>>>,
): { readonly train: TrainExamples } & { readonly [N in Exclude<Names, "train">]: HeldOutExamples } => {
  const tasks = tasksOf(dataset)
  return Object.fromEntries(Object.entries(rows).map(([name, part]) => [name, fromRows(part, tasks)])) as unknown as {
    readonly train: TrainExamples
  } & { readonly [N in Exclude<Names, "train">]: HeldOutExamples }
}
