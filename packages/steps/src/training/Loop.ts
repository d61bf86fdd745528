/**
 * The loop of a phase: draw, update, evaluate at the end of every epoch, save now and then, until all updates are made
 * or validation says that it is enough.
 *
 * All that an update depends on is in `Progress` and on the device, and the two change together: when the loop is
 * interrupted it waits for the update under way, saves both, and the next attempt goes on as if nothing had happened.
 */
import { Clock, Effect, Exit, Fiber } from "effect"
import type { Scope } from "effect"
import * as Draws from "../sample/Draws.ts"
import * as Progress from "./Progress.ts"

export interface Parts<E, R> {
  /** Draws to take at most. */
  readonly total: number
  readonly perEpoch: number
  /** From the first. */
  readonly draws: Iterator<Draws.Draw, never>
  /** Applies an update and gives the progress after it; what it tells is emitted afterwards. */
  readonly update: (progress: Progress.Progress, draw: Draws.Draw) => Effect.Effect<Updated, E, R>
  /** Scores the weights as they are; what it gives makes the verdict true of the weights and gives the progress with it. */
  readonly evaluate: (progress: Progress.Progress) => Effect.Effect<Effect.Effect<Progress.Progress, E, R>, E, R>
  readonly isOver: (progress: Progress.Progress) => boolean
  readonly save: (progress: Progress.Progress) => Effect.Effect<void, E, R>
  readonly everyUpdates: number | undefined
  readonly everyMillis: number | undefined
}

export interface Updated {
  readonly progress: Progress.Progress
  /** Tells of it. */
  readonly told: Effect.Effect<void>
}

/** How long an update under way may take to end when the loop is interrupted. */
const graceMillis = 10_000

/** Whether the fiber succeeds in time. What is interrupted cannot wait with a time limit of Effect's: it would be cut short. */
const isDone = (fiber: Fiber.Fiber<unknown, unknown>): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const timer = setTimeout(() => resume(Effect.succeed(false)), graceMillis)
    fiber.addObserver((exit) => {
      clearTimeout(timer)
      resume(Effect.succeed(Exit.isSuccess(exit)))
    })
  })

/** Gives the progress at the end. */
export const run = Effect.fnUntraced(function* <E, R>(
  parts: Parts<E, R>,
  start: Progress.Progress,
): Effect.fn.Return<Progress.Progress, E, R | Scope.Scope> {
  const { total, perEpoch, draws, everyUpdates, everyMillis } = parts
  const scope = yield* Effect.scope
  let progress = start
  let saved = start.update
  let savedAt = yield* Clock.currentTimeMillis
  let underWay: Fiber.Fiber<Effect.Effect<void>, E> | undefined
  for (let taken = 0; taken < start.update; taken++) draws.next()

  const save = Effect.gen(function* () {
    yield* parts.save(progress)
    saved = progress.update
    savedAt = yield* Clock.currentTimeMillis
  })
  const isSaveDue = Effect.map(Clock.currentTimeMillis, (now) => {
    const byCount = everyUpdates !== undefined && progress.update % everyUpdates === 0
    return progress.update > saved && (byCount || (everyMillis !== undefined && now - savedAt >= everyMillis))
  })

  const commit = Effect.map((after: Updated) => {
    progress = after.progress
    return after.told
  })

  const loop = Effect.gen(function* () {
    while (true) {
      const { update } = progress
      const isEpoch = update > 0 && (update % perEpoch === 0 || update === total)
      if (isEpoch && !Progress.isEvaluated(progress)) {
        const settle = yield* parts.evaluate(progress)
        yield* Effect.uninterruptible(Effect.map(settle, (settled) => void (progress = settled)))
      }
      if (update >= total || parts.isOver(progress)) return
      if (yield* isSaveDue) yield* save
      const draw = Draws.without(draws.next().value, (task) => Object.hasOwn(progress.stopped, task))
      if (draw.parts.length === 0) {
        progress = Progress.counted(progress, [])
        continue
      }
      const told = yield* Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          // On its own, so that an interruption of the loop does not part the weights from the progress.
          underWay = yield* Effect.forkIn(restore(commit(parts.update(progress, draw))), scope)
          const after = yield* restore(Fiber.join(underWay))
          underWay = undefined
          return after
        }),
      )
      yield* told
    }
  })

  const keep = Effect.gen(function* () {
    if (underWay !== undefined && !(yield* isDone(underWay))) return
    if (progress.update > saved) yield* save
  })
  // What could not be saved is made again; the interruption stays what is told.
  yield* loop.pipe(Effect.onInterrupt(() => Effect.ignore(keep)))
  return progress
})
