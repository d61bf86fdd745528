/** What is known of a phase's data before it runs: of datasets that are values, or whose step has a result in the store. */
import { ArtifactStore } from "@thaw/core/ArtifactStore"
import type * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import type { ArtifactBroken } from "@thaw/core/Errors"
import type * as Plan from "@thaw/core/Plan"
import * as Step from "@thaw/core/Step"
import { Effect } from "effect"

export interface Facts {
  /** By task: examples that carry its label, how many words each has, and how many different labels there are. */
  readonly tasks: Readonly<
    Record<string, { readonly examples: number; readonly words: Uint32Array; readonly labels: number }>
  >
  /** By task and another: examples that carry both labels. */
  readonly together: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly examples: number
  /** Mean, over all examples. */
  readonly words: number
  /** Words of each example, fewest first. */
  readonly lengths: Uint32Array
}

export const of = (dataset: Dataset.Dataset): Facts => {
  const tasks = Dataset.namesOf(Dataset.tasksOf(dataset))
  const counts = tasks.map(() => tasks.map(() => 0))
  const different = tasks.map(() => new Set<string>())
  const lengths = tasks.map(() => new Uint32Array(dataset.size))
  const every = new Uint32Array(dataset.size)
  let seen = 0
  let words = 0
  for (const row of Dataset.rowsOf(dataset)) {
    const length = (row.tokens ?? Dataset.textOf(row).split(/\s+/)).length
    words += length
    every[seen++] = length
    const carried = tasks.flatMap((task, at) => (valuesOf(row, task) === undefined ? [] : [at]))
    for (const at of carried) {
      lengths[at]![counts[at]![at]!] = length
      for (const value of valuesOf(row, tasks[at]!)!) different[at]!.add(value)
      for (const other of carried) counts[at]![other]!++
    }
  }
  const byTask = <A>(of: (at: number) => A): Readonly<Record<string, A>> =>
    Object.fromEntries(tasks.map((task, at) => [task, of(at)]))
  return {
    tasks: byTask((at) => ({
      examples: counts[at]![at]!,
      words: lengths[at]!.slice(0, counts[at]![at]),
      labels: different[at]!.size,
    })),
    together: byTask((at) => byTask((other) => counts[at]![other]!)),
    examples: dataset.size,
    words: dataset.size === 0 ? 0 : words / dataset.size,
    lengths: every.sort(),
  }
}

/** Labels that an example carries for a task; undefined where it says nothing about it. */
const valuesOf = (
  { labels, tags, labelSets = {}, scores = {} }: Dataset.Example,
  task: string,
): ReadonlyArray<string> | undefined => {
  if (Object.hasOwn(labels, task)) return [labels[task]!]
  if (Object.hasOwn(tags, task)) return tags[task]
  if (Object.hasOwn(labelSets, task)) return labelSets[task]
  return Object.hasOwn(scores, task) ? [] : undefined
}

/**
 * Words of the longest of so many examples drawn at random, on the average: of n lengths in order, the i-th is the longest
 * of k with the probability (i/n)ᵏ − ((i − 1)/n)ᵏ.
 */
export const longestOf = ({ lengths }: Pick<Facts, "lengths">, drawn: number): number =>
  lengths.reduce(
    (sum, length, at) => sum + length * (((at + 1) / lengths.length) ** drawn - (at / lengths.length) ** drawn),
    0,
  )

/** What gives the data of a phase's field: one and the same `source` for fields that read one dataset. */
export interface Origin {
  readonly source: unknown
  readonly facts: Facts | undefined
  /** The step that would tell. */
  readonly step: string
}

/** Facts of outputs whose steps have results in the store, by node and output. */
export type Kept = ReadonlyMap<Dag.Node, Readonly<Record<string, Facts>>>

/** The data of a field of the node; undefined when it has no such field. */
export const origin = (node: Dag.Node, field: string, kept: Kept): Origin | undefined => {
  const need = node.needs.find((each) => each.field === field)
  if (need !== undefined) {
    const source = sourceOf(need)
    return { source, facts: kept.get(need.from)?.[need.output], step: need.from.label }
  }
  const given = node.values[field]
  return given === undefined
    ? undefined
    : { source: given.value, facts: of(given.value as Dataset.Dataset), step: node.label }
}

/** One identity for every need of the same output. */
const sourceOf = ({ from, output }: Dag.Need): unknown => {
  const known = sources.get(from) ?? {}
  sources.set(from, known)
  return (known[output] ??= { output })
}
const sources = new WeakMap<Dag.Node, Record<string, unknown>>()

/** Reads the datasets that training steps of the plan take from steps with results in the store. */
export const kept = Effect.fnUntraced(function* (
  plan: Plan.Plan,
  isTraining: (node: Dag.Node) => boolean,
): Effect.fn.Return<Kept, ArtifactBroken, ArtifactStore> {
  const store = yield* ArtifactStore
  const found = new Map<Dag.Node, Record<string, Facts>>()
  for (const { from, output, field } of plan.dag.nodes.filter(isTraining).flatMap(({ needs }) => needs)) {
    const decision = plan.decisions.get(from)
    if (!field.startsWith("train.") || decision?._tag !== "Reuse" || found.get(from)?.[output] !== undefined) continue
    const kind = Step.outputsOf(from.step)[output]!
    const dataset = (yield* kind.read(yield* store.get(decision.result.outputs[output]!))) as Dataset.Dataset
    found.set(from, { ...found.get(from), [output]: of(dataset) })
  }
  return found
})
