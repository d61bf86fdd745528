/** A journal in a temporary folder, new for every test, and a whole run to put into it. */
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { JournalBroken } from "@thaw/core/Errors"
import * as Journal from "@thaw/core/Journal"
import type { RunEvent } from "@thaw/core/RunEvent"
import { Effect } from "effect"
import type { Layer, Scope } from "effect"
import { afterEach, beforeEach, expect } from "vitest"
import { stepRun } from "./stepRuns.ts"

/** A new folder for every test. */
export let root: string
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "thaw-journal-"))
})
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true })
})

export type Service = Journal.Journal["Service"]

export type Use<A, E> = (journal: Service) => Effect.Effect<A, E, Scope.Scope>

export const within = <A, E>(layer: Layer.Layer<Journal.Journal, JournalBroken>, use: Use<A, E>): Promise<A> =>
  Effect.runPromise(Journal.Journal.pipe(Effect.flatMap(use), Effect.scoped, Effect.provide(layer)))

export const inFolder = <A, E>(use: Use<A, E>): Promise<A> => within(Journal.folder(root), use)

export const failing = async <A>(use: Use<A, JournalBroken>) => {
  const error = await inFolder((journal) => Effect.flip(use(journal)))
  expect(error).toBeInstanceOf(JournalBroken)
  return error
}

export const given = (pipeline = "triage"): Journal.RunStart => ({
  pipeline,
  file: `pipelines/${pipeline}.ts`,
  seed: 7,
  arguments: { "train.epochs": 3, nested: { list: [1, null] } },
  versions: { thaw: "0.1.0", node: "24.1.0" },
  gitCommit: "abc",
  machine: { platform: "linux-x64" },
})

export const update = (number: number, loss: number): RunEvent => ({
  _tag: "update",
  step: "train",
  phase: 1,
  update: number,
  task: "topic",
  loss,
  learningRate: 1e-3 / number,
  examplesPerSecond: 123.5,
})
export const evaluated = (accuracy: number): RunEvent => ({
  _tag: "evaluated",
  step: "evaluate",
  phase: null,
  task: "topic",
  split: "test",
  metrics: { accuracy, macroF1: Number.NaN },
})
export const finished = (run: string): RunEvent => ({
  _tag: "runFinished",
  run,
  status: "done",
  seconds: 2,
  outputs: { scores: { kind: "json/scores", hash: "ab", path: "/there" } },
  metrics: { "topic.accuracy": 0.9, "mood.loss": Number.POSITIVE_INFINITY },
})

/** A whole run, as a driver records it. */
export const wholeRun = Effect.fnUntraced(function* (journal: Service, pipeline = "triage", words = 3) {
  const run = yield* journal.begin(given(pipeline))
  yield* run.record({ _tag: "stepStarted", step: "load", cached: false, why: "it has never run" })
  yield* run.stepRan(stepRun("load", words))
  for (const number of [1, 2, 3]) yield* run.record(update(number, number === 3 ? Number.NaN : 1 / number))
  yield* run.record(evaluated(0.75))
  yield* run.stepRan({ ...stepRun("train", words), cached: true, seconds: 0 })
  yield* run.record(finished(run.id))
  yield* run.finish("done")
  return run.id
}, Effect.scoped)

export const logOf = (run: string) => join(root, "runs", run, "events.jsonl")
export const database = () => join(root, "runs.db")

/** Every row of every table, in the order of the tables' keys. */
export const rows = (): Readonly<Record<string, ReadonlyArray<Readonly<Record<string, unknown>>>>> => {
  const opened = new DatabaseSync(database())
  try {
    const tables = opened.prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").all()
    return Object.fromEntries(
      tables.map(({ name }) => [name, opened.prepare(`SELECT * FROM ${String(name)} ORDER BY 1, 2`).all()]),
    )
  } finally {
    opened.close()
  }
}
export const removeDatabase = () => {
  for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(`${database()}${suffix}`, { force: true })
}
