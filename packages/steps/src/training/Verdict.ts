/**
 * What validation scores decide while a phase goes on: whether it ends, which task stops, and which weights are the best.
 *
 * | setting                      | watches               | when patience is at its end            |
 * | ---------------------------- | --------------------- | -------------------------------------- |
 * | `length.converged`           | the tasks' mean       | the phase ends                         |
 * | `earlyStopping`, aggregate   | the tasks' mean       | the phase ends                         |
 * | `earlyStopping`, perTask     | each task             | the task is no longer drawn            |
 *
 * Wherever something watches, the phase gives the best weights in the end, whether or not it stopped early.
 */
import type { InvalidData } from "@thaw/core/Errors"
import { Effect } from "effect"
import * as EarlyStopping from "./EarlyStopping.ts"
import type { Progress } from "./Progress.ts"
import * as Scored from "./Scored.ts"
import type { Settings } from "./Settings.ts"

/** One thing that watches. */
export interface Watch extends EarlyStopping.Patience {
  /** Its state's name in `Progress`. */
  readonly name: string
  readonly metric: string | undefined
  /** The task it watches; undefined: the mean of all that are drawn. */
  readonly task: string | undefined
}

type Told = Pick<Settings, "length" | "earlyStopping" | "noWorseThan">

/** @param tasks those that are drawn */
export const watches = ({ length, earlyStopping }: Told, tasks: ReadonlyArray<string>): ReadonlyArray<Watch> => {
  const watch = (name: string, given: EarlyStopping.Patience & { readonly metric?: string }, task?: string): Watch => ({
    name,
    minDelta: given.minDelta,
    patience: given.patience,
    metric: given.metric,
    task,
  })
  return [
    ...(earlyStopping === undefined
      ? []
      : earlyStopping.tasks === "aggregate"
        ? [watch("early", earlyStopping)]
        : tasks.map((task) => watch(`early.${task}`, earlyStopping, task))),
    ...("converged" in length ? [watch("converged", length.converged)] : []),
  ]
}

/** What is restored in the end: the first watch of the mean, or those of single tasks, each its own head. */
export const restoring = (all: ReadonlyArray<Watch>): ReadonlyArray<Watch> => {
  const [first] = all
  return first === undefined ? [] : first.task === undefined ? [first] : all.filter(({ task }) => task !== undefined)
}

/** Name under which the best of a watch is kept. */
export const bestName = ({ task }: Watch, update: number): string =>
  task === undefined ? `best-${update}` : `best.${task}-${update}`

/** The update with the best weights of a watch; 0: what the phase was given. */
export const bestOf = ({ name }: Watch, { watching }: Progress): number => watching[name]?.bestForRestore?.update ?? 0

/** Names of all bests that are still wanted; those of update 0 are what the phase was given. */
export const bests = (all: ReadonlyArray<Watch>, progress: Progress): ReadonlyArray<string> =>
  restoring(all).flatMap((watch) => {
    const update = bestOf(watch, progress)
    return update === 0 ? [] : [bestName(watch, update)]
  })

/**
 * The progress after an evaluation, and the watches that have a new best.
 *
 * Weights at which a task falls below `noWorseThan` are no best.
 */
export const after = Effect.fnUntraced(function* (
  told: Told,
  all: ReadonlyArray<Watch>,
  drawn: ReadonlyArray<string>,
  progress: Progress,
  scores: ReadonlyArray<Scored.Scored>,
  where: string,
): Effect.fn.Return<{ readonly progress: Progress; readonly improved: ReadonlyArray<Watch> }, InvalidData> {
  const { update, stopped } = progress
  const watching = { ...progress.watching }
  const nowStopped = { ...stopped }
  const improved: Array<Watch> = []
  const worse = yield* fallen(told.noWorseThan, progress.before, scores, where)
  for (const watch of all) {
    const { name, task, metric } = watch
    if (task !== undefined && Object.hasOwn(stopped, task)) continue
    const watched = scores.filter((each) => (task === undefined ? drawn.includes(each.task) : each.task === task))
    const mean = yield* Scored.aggregate(watched, metric, where)
    const score = worse.length > 0 ? Number.NaN : mean
    const state = EarlyStopping.after(watch, watching[name] ?? EarlyStopping.initial, score, update)
    watching[name] = state
    if (state.bestForRestore?.update === update) improved.push(watch)
    if (task !== undefined && EarlyStopping.isOver(watch, state)) nowStopped[task] = update
  }
  const evaluations = [...progress.evaluations, { update, scores }]
  return { progress: { ...progress, watching, stopped: nowStopped, evaluations }, improved }
})

/** Whether the phase is to end before all its updates are made. */
export const isOver = (all: ReadonlyArray<Watch>, drawn: ReadonlyArray<string>, progress: Progress): boolean =>
  drawn.every((task) => Object.hasOwn(progress.stopped, task)) ||
  all.some((watch) => {
    const state = progress.watching[watch.name]
    return watch.task === undefined && state !== undefined && EarlyStopping.isOver(watch, state)
  })

/** A task that scores worse than it may, and by how much. */
export interface Fallen {
  readonly task: string
  readonly from: number
  readonly to: number
}

/** Tasks that score worse than the bound allows; a score that is no number is worse than any. */
export const fallen = Effect.fnUntraced(function* (
  bound: Settings["noWorseThan"],
  before: ReadonlyArray<Scored.Scored>,
  scores: ReadonlyArray<Scored.Scored>,
  where: string,
): Effect.fn.Return<ReadonlyArray<Fallen>, InvalidData> {
  const found: Array<Fallen> = []
  for (const task of bound?.tasks ?? []) {
    const [then, now] = [before, scores].map((all) => all.find((each) => each.task === task))
    if (then === undefined || now === undefined) continue
    const from = yield* Scored.score(then, bound?.metric, where)
    const to = yield* Scored.score(now, bound?.metric, where)
    if (!(to >= from - (bound?.tolerance ?? 0))) found.push({ task, from, to })
  }
  return found
})
