/**
 * The journal: runs write logs and nothing else; the database catches up with the logs whenever it is asked something.
 *
 * So a run never waits for a lock, nothing but a log can be lost, and the database after a rebuild equals the one
 * before it because both came from the same lines in the same way.
 */
import { randomBytes } from "node:crypto"
import { Cause, Clock, Effect, Exit, Schema, Semaphore } from "effect"
import type { Scope } from "effect"
import { JournalBroken } from "../Errors.ts"
import type { Journal, Run, RunHandle } from "../Journal.ts"
import { Line } from "../JournalEntry.ts"
import type { Entry, FinalStatus, RunStart } from "../JournalEntry.ts"
import * as Problem from "../Problem.ts"
import * as ProcessMark from "../ProcessMark.ts"
import * as RunDatabase from "./RunDatabase.ts"
import type { LogWriter, RunLogs } from "./RunLogs.ts"

const encodeLine = Schema.encodeSync(Line)
const decodeLine = Schema.decodeUnknownSync(Line)

const flushEveryMillis = 250

const isoOf = (millis: number): string => new Date(millis).toISOString()

/** `20261123-061543-3fa9`: sorts by the time of the start, in UTC. */
const newId = (millis: number): string =>
  `${isoOf(millis).slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-")}-${randomBytes(2).toString("hex")}`

const runOf = ({ start, ...row }: RunDatabase.RunRow): Run => ({
  ...start,
  id: row.id,
  status: row.status ?? (ProcessMark.isGone(row.process) ? "interrupted" : "running"),
  startedAt: isoOf(row.began),
  finishedAt: row.ended === undefined ? undefined : isoOf(row.ended),
  outputs: row.outputs,
  metrics: row.metrics,
})

export const make = Effect.fnUntraced(function* (
  logs: RunLogs,
  place: RunDatabase.Place,
): Effect.fn.Return<Journal["Service"], JournalBroken, Scope.Scope> {
  const noticed = new Set<string>()

  /** The database, opened at the first question and after damage. */
  let opened: RunDatabase.RunDatabase | undefined
  const close = () => {
    opened?.close()
    opened = undefined
  }
  yield* Effect.addFinalizer(() => Effect.sync(close))

  const broken = (cause: unknown) =>
    new JournalBroken({ where: place.name, expected: "a database of runs", ...RunDatabase.refusal(cause) })

  const attempt = <A>(work: (database: RunDatabase.RunDatabase) => A) =>
    Effect.try({ try: () => work((opened ??= RunDatabase.open(place))), catch: (cause) => cause })

  const decode = (run: string, lines: ReadonlyArray<{ readonly place: number; readonly text: string }>) =>
    lines.flatMap(({ place: at, text }): ReadonlyArray<RunDatabase.Located> => {
      try {
        return [{ place: at, entry: decodeLine(text) }]
      } catch {
        noticed.add(
          `${logs.nameOf(run)}, byte ${at}: expected an entry of a run's log, got something else. It was left out.`,
        )
        return []
      }
    })

  /** Takes in what has been appended to one log since the last time. */
  const catchUp = Effect.fnUntraced(function* (run: string) {
    for (;;) {
      const from = yield* attempt((database) => database.bytesOf(run))
      const read = yield* logs.read(run, from)
      if (read.end === from) return
      yield* attempt((database) => database.advance(run, from, read.end, decode(run, read.lines)))
    }
  })

  const catchUpAll = Effect.gen(function* () {
    const runs = new Set(yield* logs.list)
    const known = yield* attempt((database) => database.logs())
    for (const run of known.keys()) {
      if (!runs.has(run)) yield* attempt((database) => database.forget(run))
    }
    for (const run of runs) {
      if (known.get(run)?.ended !== true) yield* catchUp(run)
    }
  })

  /** Asks the database as it is after every log; one that is damaged is derived anew, once. */
  const ask = <A>(question: (database: RunDatabase.RunDatabase) => A): Effect.Effect<A, JournalBroken> => {
    const answer = catchUpAll.pipe(Effect.andThen(attempt(question)))
    return oneAtATime(
      answer.pipe(
        Effect.catch((cause) => {
          if (!RunDatabase.isDamage(cause)) return Effect.fail(cause)
          noticed.add(`${place.name} was damaged and has been derived anew from the logs of the runs.`)
          return Effect.try({
            try: () => {
              close()
              place.remove()
            },
            catch: (refused) => refused,
          }).pipe(Effect.andThen(answer))
        }),
        Effect.mapError((cause) => (cause instanceof JournalBroken ? cause : broken(cause))),
      ),
    )
  }
  const oneAtATime = Semaphore.withPermit(yield* Semaphore.make(1))

  const find = Effect.fnUntraced(function* (id: string) {
    const matches = yield* ask((database) => (id === "" ? [] : database.startingWith(id)))
    const [only] = matches.length === 1 ? matches : matches.filter((row) => row.id === id)
    if (only !== undefined) return only
    const known = (yield* ask((database) => database.latest(100))).map((row) => row.id)
    return yield* new JournalBroken({
      where: `run ${JSON.stringify(id)}`,
      expected: "the id of one run, or its beginning",
      got: matches.length === 0 ? "no such run" : `${matches.length} runs`,
      advice:
        matches.length > 0
          ? `It is the beginning of ${Problem.list(matches.map((row) => row.id))}.`
          : known.length === 0
            ? "There are no runs yet."
            : Problem.suggestion(id, known),
    })
  })

  const about = <A>(id: string, question: (database: RunDatabase.RunDatabase, run: string) => A) =>
    find(id).pipe(Effect.flatMap((row) => ask((database) => question(database, row.id))))

  const createLog = Effect.fnUntraced(function* (millis: number) {
    for (;;) {
      const id = newId(millis)
      const log = yield* logs.create(id)
      if (log !== undefined) return { id, log }
    }
  })

  const begin = Effect.fnUntraced(function* (start: RunStart) {
    const at = yield* Clock.currentTimeMillis
    const { id, log } = yield* createLog(at)
    const handle = yield* keepLog(id, log, noticed)
    yield* handle.write({ _tag: "began", at, process: ProcessMark.own, start })
    yield* handle.flush
    const finish = Effect.fnUntraced(function* (status: FinalStatus) {
      yield* handle.end(status)
      // The log holds the run; that the database lags behind is mended by the next question.
      yield* Effect.ignore(ask(() => undefined))
    })
    yield* Effect.addFinalizer((exit) => Effect.ignore(finish(statusOf(exit))))
    return {
      id,
      record: (event) =>
        Effect.flatMap(Clock.currentTimeMillis, (time) => handle.write({ _tag: "event", at: time, event })),
      stepRan: (stepRun) =>
        Effect.flatMap(Clock.currentTimeMillis, (time) => handle.write({ _tag: "stepRan", at: time, stepRun })),
      finish,
    } satisfies RunHandle
  })

  return {
    begin,
    runs: (most) => ask((database) => database.latest(most).map(runOf)),
    run: (id) => Effect.map(find(id), runOf),
    stepRuns: (run) => about(run, (database, id) => database.stepRuns(id)),
    lastStepRun: (pipeline, step, before) => ask((database) => database.lastStepRun(pipeline, step, before)),
    metrics: (run) => about(run, (database, id) => database.metrics(id)),
    updates: (run) => about(run, (database, id) => database.updates(id)),
    events: Effect.fnUntraced(function* (run: string) {
      const { id } = yield* find(run)
      const events: Array<{ readonly at: number; readonly event: Extract<Entry, { _tag: "event" }>["event"] }> = []
      for (let from = 0; ;) {
        const { lines, end } = yield* logs.read(id, from)
        if (end === from) return events
        for (const { entry } of decode(id, lines)) {
          if (entry._tag === "event") events.push({ at: entry.at, event: entry.event })
        }
        from = end
      }
    }),
    rebuild: ask((database) => database.clear()).pipe(Effect.andThen(ask(() => undefined))),
    notices: Effect.sync(() => [...noticed]),
  }
})

/** A run that was left without a word ended as its scope did. */
const statusOf = (exit: Exit.Exit<unknown, unknown>): FinalStatus =>
  Exit.isFailure(exit) && !Cause.hasInterrupts(exit.cause) ? "failed" : "interrupted"

/**
 * The writing end of a run's log: lines wait in memory and are written together, so that recording an update costs no
 * system call. What could not be written stays in front for the next attempt.
 */
const keepLog = Effect.fnUntraced(function* (id: string, log: LogWriter, noticed: Set<string>) {
  const waiting: Array<string> = []
  let ended = false

  const oneAtATime = Semaphore.withPermit(yield* Semaphore.make(1))
  const flush = oneAtATime(
    Effect.suspend(() => {
      const taken = waiting.length
      if (taken === 0) return Effect.void
      return log
        .append(waiting.slice(0, taken).join(""))
        .pipe(Effect.tap(() => Effect.sync(() => waiting.splice(0, taken))))
    }),
  )

  const write = (entry: Entry) =>
    Effect.sync(() => {
      if (ended) return
      try {
        waiting.push(`${encodeLine(entry)}\n`)
      } catch (cause) {
        noticed.add(`run ${id}: an entry was left out of its log: ${String(cause)}`)
      }
    })

  yield* Effect.ignore(flush).pipe(Effect.delay(flushEveryMillis), Effect.forever, Effect.forkScoped)

  const end = Effect.fnUntraced(function* (status: FinalStatus) {
    if (!ended) yield* write({ _tag: "ended", at: yield* Clock.currentTimeMillis, status })
    ended = true
    yield* flush
    yield* log.flush
  })
  return { write, flush: Effect.andThen(flush, log.flush), end }
})
