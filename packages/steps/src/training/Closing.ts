/**
 * The end of a phase: the best weights are put back, every task is scored once more, and what turned out worse than the
 * settings allow is undone.
 */
import type { InvalidData } from "@thaw/core/Errors"
import { Effect } from "effect"
import type * as History from "./History.ts"
import * as Progress from "./Progress.ts"
import * as Scored from "./Scored.ts"
import type { Settings } from "./Settings.ts"
import * as Verdict from "./Verdict.ts"

export interface Parts<E> {
  readonly settings: Pick<Settings, "unfreezeUntil" | "noWorseThan">
  readonly watches: ReadonlyArray<Verdict.Watch>
  /** Tasks that are drawn. */
  readonly drawn: ReadonlyArray<string>
  /** Tasks to score in the end. */
  readonly scored: ReadonlyArray<string>
  /** Puts back the best weights of a watch, or those that the phase was given (update 0); gives their counts. */
  readonly restore: (
    watch: Verdict.Watch,
    update: number,
    progress: Progress.Progress,
  ) => Effect.Effect<Progress.Progress, E>
  /** Puts back everything that the phase was given. */
  readonly undo: Effect.Effect<void, E>
  readonly score: (tasks: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Scored.Scored>, E>
  readonly where: string
}

export interface Closed {
  /** Its counts are those of the weights that are given. */
  readonly progress: Progress.Progress
  readonly scores: ReadonlyArray<Scored.Scored>
  readonly record: Pick<History.Entry, "restored" | "undone" | "ended">
}

export const close = Effect.fnUntraced(function* <E>(
  parts: Parts<E>,
  last: Progress.Progress,
): Effect.fn.Return<Closed, E | InvalidData> {
  const { settings, watches, drawn, scored, where } = parts
  let progress = last
  let restored: number | undefined
  let known = Progress.scoresAt(last, last.update)
  for (const watch of Verdict.restoring(watches)) {
    const update = Verdict.bestOf(watch, last)
    if (update === last.update) continue
    progress = yield* parts.restore(watch, update, progress)
    if (watch.task === undefined) {
      restored = update
      known = Progress.scoresAt(last, update)
    } else known = known.filter(({ task }) => task !== watch.task)
  }
  const isKnown = (task: string) => known.some((each) => each.task === task)
  const scores = Scored.merged(known, yield* parts.score(scored.filter((task) => !isKnown(task))))

  const fallen = yield* Verdict.fallen(settings.noWorseThan, last.before, scores, where)
  const row = yield* rowOf(settings.unfreezeUntil, drawn, last.before, scores, where)
  const undone = fallen.length > 0 ? fallen.map(sentence).join("; ") : row.undone
  const record = { ...row, ...(undone === undefined ? {} : { undone }) }
  if (undone === undefined)
    return { progress, scores, record: restored === undefined ? record : { ...record, restored } }
  yield* parts.undo
  const isBefore = (task: string) => last.before.some((each) => each.task === task)
  const before = Scored.merged(last.before, yield* parts.score(scored.filter((task) => !isBefore(task))))
  return { progress, scores: before, record }
})

const sentence = ({ task, from, to }: Verdict.Fallen): string => `${task} fell from ${short(from)} to ${short(to)}`

/** Four digits are enough to read; what is compared is not rounded. */
const short = (value: number): string => String(Number(value.toPrecision(4)))

/** What the row of phases that unfreezes further makes of the phase. */
const rowOf = Effect.fnUntraced(function* (
  row: Settings["unfreezeUntil"],
  drawn: ReadonlyArray<string>,
  before: ReadonlyArray<Scored.Scored>,
  after: ReadonlyArray<Scored.Scored>,
  where: string,
): Effect.fn.Return<Pick<History.Entry, "undone" | "ended">, InvalidData> {
  if (row === undefined) return {}
  const mean = (scores: ReadonlyArray<Scored.Scored>) =>
    Scored.aggregate(
      scores.filter(({ task }) => drawn.includes(task)),
      row.metric,
      where,
    )
  const now = yield* mean(after)
  const reached = row.target !== undefined && now >= row.target ? { ended: `reached ${short(now)}` } : {}
  if (row.position === 1) return reached
  const then = yield* mean(before)
  if (now > then + row.minDelta || (Number.isNaN(then) && !Number.isNaN(now))) return reached
  const undone = `no gain: ${short(then)} before, ${short(now)} after`
  return { undone, ...(row.target === undefined ? { ended: undone } : {}) }
})
