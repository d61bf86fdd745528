/**
 * What tasks lost on the way: every task's validation score at the end of every phase, against its own best and against
 * what it was when its head was frozen.
 */
import * as Group from "@thaw/models/Group"
import type * as History from "./History.ts"

/** A score and the phase that ended with it. */
export interface At {
  readonly phase: number
  readonly score: number
}

export interface Row {
  readonly task: string
  readonly metric: string
  /** One for each phase; undefined where the task was not scored. */
  readonly scores: ReadonlyArray<number | undefined>
  readonly best: At | undefined
  /** At the end of the last phase that trained its head; undefined while it trains, or where it never did. */
  readonly whenFrozen: At | undefined
  /** The last phase's. */
  readonly now: number | undefined
}

export interface Table {
  readonly phases: ReadonlyArray<number>
  /** Sorted by task. */
  readonly rows: ReadonlyArray<Row>
  /** Mean cosine of the encoder's vectors to those that training started with, for each phase; undefined where not known. */
  readonly drift: ReadonlyArray<number | undefined>
}

/** In order: the first that a task's evaluation reports is looked at. */
const looked = ["meanAveragePrecision", "macroF1", "entityF1", "r2"]

const metricOf = (metrics: Readonly<Record<string, number | null>>): string | undefined =>
  looked.find((name) => Object.hasOwn(metrics, name)) ?? Object.keys(metrics)[0]

/** @param entries of one checkpoint's history, oldest first */
export const table = (entries: ReadonlyArray<History.Entry>): Table => {
  const tasks = new Set(entries.flatMap(({ scores }) => scores.map(({ task }) => task)))
  return {
    phases: entries.map(({ phase }) => phase),
    rows: [...tasks].sort().map((task) => row(entries, task)),
    drift: entries.map(({ drift }) => drift),
  }
}

const row = (entries: ReadonlyArray<History.Entry>, task: string): Row => {
  const found = entries.map(({ scores }) => scores.find((each) => each.task === task)?.metrics)
  const metric = metricOf(found.find((metrics) => metrics !== undefined) ?? {}) ?? ""
  const scores = found.map((metrics) => metrics?.[metric] ?? undefined)
  const at = (index: number): At | undefined => {
    const score = scores[index]
    return score === undefined ? undefined : { phase: entries[index]!.phase, score }
  }
  const highest = Math.max(...scores.flatMap((score) => score ?? []))
  const trained = entries.findLastIndex(
    ({ trainable, undone }) => undone === undefined && trainable.includes(Group.head(task)),
  )
  return {
    task,
    metric,
    scores,
    best: at(scores.indexOf(highest)),
    whenFrozen: trained < 0 || trained === entries.length - 1 ? undefined : at(trained),
    now: scores.at(-1),
  }
}
