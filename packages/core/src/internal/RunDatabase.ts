/**
 * The database derived from the runs' logs: questions across runs, answered by SQLite. The only file that imports
 * `node:sqlite`.
 *
 * Every row stems from one line of one log and carries the byte at which it starts (`place`), which also orders it.
 * `logs.bytes` says how far a run's log is in the database; rows and that number change in one transaction, so a
 * derivation may stop anywhere, and two processes may derive at once.
 */
import { rmSync } from "node:fs"
import { resolve } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { SQLInputValue, SQLOutputValue } from "node:sqlite"
import type { StepRun } from "../Journal.ts"
import type { Entry, FinalStatus, RunStart } from "../JournalEntry.ts"
import type { Evaluated, RunFinished, Update } from "../RunEvent.ts"

export interface Place {
  /** As messages name it. */
  readonly name: string
  readonly open: () => DatabaseSync
  /** Removes what is there: it can be derived again. */
  readonly remove: () => void
}

/** How long a writer waits for another process's transaction. */
const timeout = 10_000

export const file = (path: string): Place => {
  const name = resolve(path)
  return {
    name,
    open: () => {
      const database = new DatabaseSync(name, { timeout })
      try {
        database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL")
        return database
      } catch (cause) {
        database.close()
        throw cause
      }
    },
    remove: () => {
      for (const suffix of ["", "-wal", "-shm"]) rmSync(`${name}${suffix}`, { force: true })
    },
  }
}

export const memory: Place = {
  name: "the journal in memory",
  open: () => new DatabaseSync(":memory:"),
  remove: () => undefined,
}

/** Raised whenever the tables below change: a database with another number is derived anew. */
const layout = 1

const tables = `
CREATE TABLE logs (run TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT;
CREATE TABLE runs (
  id TEXT PRIMARY KEY, began REAL NOT NULL, ended REAL, status TEXT, process TEXT NOT NULL, pipeline TEXT NOT NULL,
  seed INTEGER NOT NULL, start TEXT NOT NULL, outputs TEXT NOT NULL, metrics TEXT NOT NULL
) STRICT;
CREATE TABLE step_runs (
  run TEXT NOT NULL, place INTEGER NOT NULL, at REAL NOT NULL, step TEXT NOT NULL, key TEXT NOT NULL,
  ingredients TEXT NOT NULL, outputs TEXT NOT NULL, cached INTEGER NOT NULL, seconds REAL NOT NULL,
  PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX step_runs_of ON step_runs (step, run);
CREATE TABLE evaluations (
  run TEXT NOT NULL, place INTEGER NOT NULL, step TEXT NOT NULL, phase INTEGER, task TEXT NOT NULL, split TEXT NOT NULL,
  metrics TEXT NOT NULL, PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE updates (
  run TEXT NOT NULL, place INTEGER NOT NULL, step TEXT NOT NULL, phase INTEGER NOT NULL, number INTEGER NOT NULL,
  task TEXT NOT NULL, loss REAL, learning_rate REAL, examples_per_second REAL, PRIMARY KEY (run, place)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = ${layout};
`

const everyTable = ["logs", "runs", "step_runs", "evaluations", "updates"]

/** SQLite keeps NaN as NULL; JSON has neither NaN nor infinities. */
const numberIn = (value: SQLOutputValue | undefined): number => (value === null ? Number.NaN : Number(value))
const metricsText = (metrics: Readonly<Record<string, number>>): string =>
  JSON.stringify(metrics, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? String(value) : value,
  )
const metricsIn = (text: string): Record<string, number> =>
  Object.fromEntries(
    Object.entries(JSON.parse(text) as Record<string, unknown>).map(([name, value]) => [name, Number(value)]),
  )

export interface RunRow {
  readonly id: string
  readonly began: number
  readonly ended: number | undefined
  readonly status: FinalStatus | undefined
  readonly process: string
  readonly start: RunStart
  readonly outputs: (typeof RunFinished.Type)["outputs"]
  readonly metrics: (typeof RunFinished.Type)["metrics"]
}

export interface Located {
  readonly place: number
  readonly entry: Entry
}

type Row = Readonly<Record<string, SQLOutputValue>>

const runOf = (row: Row): RunRow => ({
  id: String(row["id"]),
  began: Number(row["began"]),
  ended: row["ended"] === null ? undefined : Number(row["ended"]),
  status: row["status"] === null ? undefined : (String(row["status"]) as FinalStatus),
  process: String(row["process"]),
  start: JSON.parse(String(row["start"])) as RunStart,
  outputs: JSON.parse(String(row["outputs"])) as RunRow["outputs"],
  metrics: metricsIn(String(row["metrics"])),
})

const stepRunOf = (row: Row): StepRun => ({
  run: String(row["run"]),
  step: String(row["step"]),
  key: String(row["key"]),
  ingredients: JSON.parse(String(row["ingredients"])) as StepRun["ingredients"],
  outputs: JSON.parse(String(row["outputs"])) as StepRun["outputs"],
  cached: row["cached"] === 1,
  seconds: numberIn(row["seconds"]),
  finishedAt: new Date(Number(row["at"])).toISOString(),
})

export type RunDatabase = ReturnType<typeof open>

/** Every method throws what SQLite throws; `isDamage` tells what deriving anew would mend. */
export const open = (place: Place) => {
  const database = place.open()
  const version = (): unknown => database.prepare("PRAGMA user_version").get()?.["user_version"]

  const transaction = <A>(work: () => A): A => {
    database.exec("BEGIN IMMEDIATE")
    try {
      const result = work()
      database.exec("COMMIT")
      return result
    } catch (cause) {
      if (database.isTransaction) database.exec("ROLLBACK")
      throw cause
    }
  }

  const createTables = () =>
    transaction(() => {
      if (version() === layout) return
      for (const table of everyTable) database.exec(`DROP TABLE IF EXISTS ${table}`)
      database.exec(tables)
    })

  try {
    if (version() !== layout) createTables()
  } catch (cause) {
    database.close()
    throw cause
  }

  const insert = (table: string, values: Readonly<Record<string, SQLInputValue>>) => {
    const names = Object.keys(values)
    database
      .prepare(`INSERT OR REPLACE INTO ${table} (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`)
      .run(...Object.values(values))
  }

  const apply = (run: string, { place: at, entry }: Located): void => {
    const owner = { run, place: at }
    if (entry._tag === "began") {
      const { pipeline, seed } = entry.start
      const start = JSON.stringify(entry.start)
      const nothing = { outputs: "{}", metrics: "{}" }
      insert("runs", { id: run, began: entry.at, process: entry.process, pipeline, seed, start, ...nothing })
    } else if (entry._tag === "ended") {
      database.prepare("UPDATE runs SET ended = ?, status = ? WHERE id = ?").run(entry.at, entry.status, run)
    } else if (entry._tag === "stepRan") {
      const { step, key, ingredients, outputs, cached, seconds } = entry.stepRun
      const texts = { ingredients: JSON.stringify(ingredients), outputs: JSON.stringify(outputs) }
      insert("step_runs", { ...owner, at: entry.at, step, key, ...texts, cached: cached ? 1 : 0, seconds })
    } else if (entry.event._tag === "update") {
      const { step, phase, update, task, loss, learningRate, examplesPerSecond } = entry.event
      const rates = { learning_rate: learningRate, examples_per_second: examplesPerSecond }
      insert("updates", { ...owner, step, phase, number: update, task, loss, ...rates })
    } else if (entry.event._tag === "evaluated") {
      const { step, phase, task, split, metrics } = entry.event
      insert("evaluations", { ...owner, step, phase, task, split, metrics: metricsText(metrics) })
    } else if (entry.event._tag === "runFinished") {
      database
        .prepare("UPDATE runs SET outputs = ?, metrics = ? WHERE id = ?")
        .run(JSON.stringify(entry.event.outputs), metricsText(entry.event.metrics), run)
    }
  }

  const bytesOf = (run: string): number =>
    Number(database.prepare("SELECT bytes FROM logs WHERE run = ?").get(run)?.["bytes"] ?? 0)

  return {
    close: () => database.close(),

    /** How far a log is in. */
    bytesOf,

    /** Every log of which something is in, and whether its end is. */
    logs: (): ReadonlyMap<string, { readonly ended: boolean }> =>
      new Map(
        database
          .prepare("SELECT run, ended FROM logs LEFT JOIN runs ON id = run")
          .all()
          .map((row) => [String(row["run"]), { ended: row["ended"] !== null }]),
      ),

    /** Takes in the lines between two bytes of a log; `false` when another process has been there first. */
    advance: (run: string, from: number, to: number, entries: ReadonlyArray<Located>): boolean =>
      transaction(() => {
        if (bytesOf(run) !== from) return false
        for (const entry of entries) apply(run, entry)
        database.prepare("INSERT OR REPLACE INTO logs (run, bytes) VALUES (?, ?)").run(run, to)
        return true
      }),

    /** Drops what stems from a log that is gone. */
    forget: (run: string): void =>
      transaction(() => {
        database.prepare("DELETE FROM runs WHERE id = ?").run(run)
        for (const table of everyTable.filter((name) => name !== "runs")) {
          database.prepare(`DELETE FROM ${table} WHERE run = ?`).run(run)
        }
      }),

    clear: (): void =>
      transaction(() => {
        for (const table of everyTable) database.exec(`DELETE FROM ${table}`)
      }),

    /** Newest first. */
    latest: (most: number): ReadonlyArray<RunRow> =>
      database.prepare("SELECT * FROM runs ORDER BY began DESC, id DESC LIMIT ?").all(most).map(runOf),

    startingWith: (prefix: string): ReadonlyArray<RunRow> =>
      database.prepare("SELECT * FROM runs WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id").all(prefix).map(runOf),

    stepRuns: (run: string): ReadonlyArray<StepRun> =>
      database.prepare("SELECT * FROM step_runs WHERE run = ? ORDER BY place").all(run).map(stepRunOf),

    lastStepRun: (pipeline: string, step: string, before: string | undefined): StepRun | undefined => {
      const row = database
        .prepare(
          `SELECT step_runs.* FROM step_runs JOIN runs ON runs.id = step_runs.run
           WHERE runs.pipeline = ?1 AND step = ?2
             AND (?3 IS NULL OR (began, id) < (SELECT began, id FROM runs WHERE id = ?3))
           ORDER BY began DESC, id DESC, place DESC LIMIT 1`,
        )
        .get(pipeline, step, before ?? null)
      return row === undefined ? undefined : stepRunOf(row)
    },

    metrics: (run: string): ReadonlyArray<typeof Evaluated.Type> =>
      database
        .prepare("SELECT * FROM evaluations WHERE run = ? ORDER BY place")
        .all(run)
        .map((row) => ({
          _tag: "evaluated" as const,
          step: String(row["step"]),
          phase: row["phase"] === null ? null : Number(row["phase"]),
          task: String(row["task"]),
          split: String(row["split"]),
          metrics: metricsIn(String(row["metrics"])),
        })),

    updates: (run: string): ReadonlyArray<typeof Update.Type> =>
      database
        .prepare("SELECT * FROM updates WHERE run = ? ORDER BY place")
        .all(run)
        .map((row) => ({
          _tag: "update" as const,
          step: String(row["step"]),
          phase: Number(row["phase"]),
          update: Number(row["number"]),
          task: String(row["task"]),
          loss: numberIn(row["loss"]),
          learningRate: numberIn(row["learning_rate"]),
          examplesPerSecond: numberIn(row["examples_per_second"]),
        })),
  }
}

/** SQLite's result code without its extension (https://www.sqlite.org/rescode.html); `undefined` for other errors. */
const codeOf = (cause: unknown): number | undefined => {
  const code = (cause as { errcode?: unknown } | null)?.errcode
  return typeof code === "number" ? code & 0xff : undefined
}

/** SQLITE_ERROR (tables of other shape), SQLITE_CORRUPT and SQLITE_NOTADB. */
export const isDamage = (cause: unknown): boolean => [1, 11, 26].includes(codeOf(cause) ?? -1)

/** What SQLite refused and what to do, for the codes that a person can act on. */
export const refusal = (cause: unknown): { readonly got: string; readonly advice: string } => {
  const message = cause instanceof Error ? cause.message : String(cause)
  switch (codeOf(cause)) {
    case 5:
    case 6:
      return { got: "one that another process keeps locked", advice: "Wait for the other run, or end it." }
    case 13:
      return { got: "a full disk", advice: "Free some space there and run again." }
    case 3:
    case 8:
    case 14:
      return { got: message, advice: "Make the folder writable for this user, or name another with THAW_HOME." }
    default:
      return { got: message, advice: "Remove it: it is derived from the logs of the runs and will be made anew." }
  }
}
