/**
 * Texts of labelled examples: what a task's training reads and its scores are taken on. An example without a label for the
 * task that its dataset is given for does neither. A task that the dataset has no column for asks for hidden tokens, and
 * reads every text.
 */
import * as Dataset from "@thaw/core/Dataset"
import * as TextSet from "@thaw/models/TextSet"
import * as NormalisedText from "./NormalisedText.ts"

/** Datasets by task; several tasks may read one and the same. */
export type ByTask<D extends Dataset.Dataset = Dataset.Dataset> = Readonly<Record<string, D>>

/** Each dataset once, with the tasks that read it. */
export const joint = <D extends Dataset.Dataset>(all: ByTask<D>): ReadonlyArray<readonly [D, ReadonlyArray<string>]> =>
  [...new Set(Object.values(all))].map((dataset) => [dataset, Object.keys(all).filter((task) => all[task] === dataset)])

/** The first of the tasks that the example says something about, or that needs nothing said. */
export const reader = (
  dataset: Dataset.Dataset,
  tasks: ReadonlyArray<string>,
): ((row: Dataset.Example) => string | undefined) => {
  const columns = new Set(Dataset.namesOf(Dataset.tasksOf(dataset)))
  const unlabelled = tasks.find((task) => !columns.has(task))
  return (row) =>
    tasks.find((task) =>
      [row.labels, row.tags, row.labelSets, row.scores].some((all = {}) => Object.hasOwn(all, task)),
    ) ?? unlabelled
}

/** Examples that carry a label of a task they are given for. */
export function* labelled(all: ByTask): Generator<{
  readonly row: Dataset.Example
  readonly task: string
}> {
  for (const [dataset, tasks] of joint(all)) {
    const read = reader(dataset, tasks)
    for (const row of Dataset.rowsOf(dataset)) {
      const task = read(row)
      if (task !== undefined) yield { row, task }
    }
  }
}

/** Keys of their normalised texts. */
export function* keys(all: ByTask): Generator<bigint> {
  for (const { row } of labelled(all)) yield NormalisedText.key(row)
}

export interface Shared {
  /** Held-out examples whose texts are in the set, of how many. */
  readonly count: number
  readonly of: number
  readonly first?: { readonly id: string; readonly task: string; readonly key: bigint; readonly text: string }
}

/** How many held-out examples have texts of the set. */
export const measure = (heldOut: ByTask, texts: TextSet.TextSet): Shared => {
  let count = 0
  let of = 0
  let first: Shared["first"]
  for (const { row, task } of labelled(heldOut)) {
    of++
    const key = NormalisedText.key(row)
    if (!TextSet.has(texts, key)) continue
    count++
    first ??= { id: row.id, task, key, text: Dataset.textOf(row) }
  }
  return { count, of, ...(first === undefined ? {} : { first }) }
}

/** A text as a message shows it, not cut inside a surrogate pair. */
export const shown = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 77).replace(/[\uD800-\uDBFF]$/u, "")}…` : text)
