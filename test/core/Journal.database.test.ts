import * as fs from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Journal from "@thaw/core/Journal"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { start, startLimited } from "./children/start.ts"
import { database, failing, given, inFolder, logOf, removeDatabase, root, rows, update, wholeRun } from "./inJournal.ts"

describe("the database", () => {
  it("after a rebuild, and after it was deleted, equals the one before", async () => {
    await inFolder((journal) =>
      Effect.gen(function* () {
        yield* wholeRun(journal, "a", 1)
        yield* wholeRun(journal, "b", 2)
        const run = yield* journal.begin(given("unfinished"))
        yield* run.record(update(1, 0.5))
        yield* run.finish("interrupted")
      }),
    )
    const live = rows()
    expect(live["updates"]).toHaveLength(7)
    expect(live["runs"]).toHaveLength(3)
    await inFolder((journal) => journal.rebuild)
    expect(rows()).toEqual(live)
    removeDatabase()
    expect(await inFolder((journal) => journal.runs(10))).toHaveLength(3)
    expect(rows()).toEqual(live)
  })

  it("forgets a run whose folder is gone", async () => {
    const [gone, kept] = await inFolder((journal) => Effect.all([wholeRun(journal), wholeRun(journal)]))
    fs.rmSync(join(root, "runs", gone), { recursive: true })
    expect((await inFolder((journal) => journal.runs(10))).map((run) => run.id)).toEqual([kept])
    const left = rows()
    expect(new Set(left["updates"]?.map((row) => row["run"]))).toEqual(new Set([kept]))
  })

  it.each([
    ["text", () => fs.writeFileSync(database(), "this is no database, but long enough to be read as one".repeat(40))],
    [
      "damaged in its middle",
      () => {
        const bytes = fs.readFileSync(database())
        fs.writeFileSync(database(), bytes.fill(0x5a, 4096, bytes.length))
      },
    ],
    ["cut off", () => fs.truncateSync(database(), 5000)],
    [
      "without its tables",
      () => {
        const opened = new DatabaseSync(database())
        opened.exec("DROP TABLE step_runs")
        opened.close()
      },
    ],
  ])("that is %s is derived anew, with a notice", async (_, damage) => {
    const id = await inFolder(wholeRun)
    const live = rows()
    damage()
    const [run, steps, notices] = await inFolder((journal) =>
      Effect.all([journal.run(id), journal.stepRuns(id), journal.notices]),
    )
    expect(run.status).toBe("done")
    expect(steps).toHaveLength(2)
    expect(notices).toEqual([`${database()} was damaged and has been derived anew from the logs of the runs.`])
    expect(rows()).toEqual(live)
  })

  it("of another layout is derived anew without a word", async () => {
    const id = await inFolder(wholeRun)
    const live = rows()
    const opened = new DatabaseSync(database())
    opened.exec("ALTER TABLE runs DROP COLUMN metrics; PRAGMA user_version = 999")
    opened.close()
    const [run, notices] = await inFolder((journal) => Effect.all([journal.run(id), journal.notices]))
    expect([run.metrics["topic.accuracy"], notices]).toEqual([0.9, []])
    expect(rows()).toEqual(live)
  })

  it("that cannot be opened is an error that names it", async () => {
    fs.mkdirSync(database())
    const error = await failing((journal) => journal.runs(1))
    expect(error).toMatchObject({ where: database(), expected: "a database of runs" })
  })
})

describe("a log", () => {
  it("whose last line is torn counts up to the line before, and on once the line is whole", async () => {
    const id = await inFolder(wholeRun)
    const whole = fs.readFileSync(logOf(id))
    const lastLine = whole.lastIndexOf(10, whole.length - 2) + 1
    for (const cut of [whole.length - 1, lastLine + 7, lastLine + 1, lastLine]) {
      removeDatabase()
      fs.writeFileSync(logOf(id), whole.subarray(0, cut))
      const [run, updates, notices] = await inFolder((journal) =>
        Effect.all([journal.run(id), journal.updates(id), journal.notices]),
      )
      // The last line is the run's end.
      expect(run.finishedAt).toBeUndefined()
      expect([updates.length, notices]).toEqual([3, []])
    }
    fs.writeFileSync(logOf(id), whole)
    expect((await inFolder((journal) => journal.run(id))).status).toBe("done")
  })

  it("with a line that is no entry loses that line only, and says so", async () => {
    const id = await inFolder(wholeRun)
    const lines = fs.readFileSync(logOf(id), "utf8").split("\n")
    const spoilt = lines.findIndex((line) => line.includes(`"update":2`))
    lines[spoilt] = "{}"
    fs.writeFileSync(logOf(id), lines.join("\n"))
    const [updates, notices] = await inFolder((journal) =>
      Effect.all([Effect.andThen(journal.rebuild, journal.updates(id)), journal.notices]),
    )
    expect(updates.map((entry) => (entry._tag === "update" ? entry.update : 0))).toEqual([1, 3])
    expect(notices).toHaveLength(1)
    expect(notices[0]).toContain(
      `${logOf(id)}, byte ${lines.slice(0, spoilt).join("\n").length + 1}: expected an entry`,
    )
  })

  it("may have lines longer than what is read at once", async () => {
    const long = "x".repeat(5 * 2 ** 20)
    await inFolder((journal) =>
      Effect.gen(function* () {
        const run = yield* journal.begin(given())
        yield* run.record({ _tag: "noticed", step: "load", message: long })
        yield* run.record(update(1, 0.5))
        yield* run.finish("done")
        expect((yield* journal.run(run.id)).status).toBe("done")
        expect((yield* journal.events(run.id))[0]?.event).toMatchObject({ message: long })
      }),
    )
  })

  it.skipIf(process.platform === "win32")(
    "that cannot be written any more lets the run go on, fails its end, and keeps what it has",
    async () => {
      const { line, exit } = startLimited(64, "recordRun.ts", root, "full", "2000")
      expect(await line).toContain("expected room to write, got a file larger than this user may write.")
      expect(await exit).toBe(3)
      const [run] = await inFolder((journal) => journal.runs(1))
      const updates = await inFolder((journal) => journal.updates(run?.id ?? ""))
      expect(updates.length).toBeGreaterThan(50)
      expect(updates.map((entry) => entry.update)).toEqual(updates.map((_, at) => at + 1))
    },
  )
})

it("names the folder that cannot be used", async () => {
  fs.writeFileSync(join(root, "file"), "")
  const error = await Effect.runPromise(
    Journal.Journal.pipe(Effect.provide(Journal.folder(join(root, "file"))), Effect.flip),
  )
  expect(error.message).toContain("expected a folder that can be written, got a file where a folder should be.")
})

describe("runs of several processes", () => {
  it("that go on at once are all kept, while a third process asks", async () => {
    const started = ["left", "right"].map((pipeline) => start("recordRun.ts", root, pipeline, "1500"))
    const going = { on: true }
    const ended = Promise.all(started.map(({ exit }) => exit)).finally(() => (going.on = false))
    while (going.on) {
      await inFolder((journal) => journal.runs(5))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(await ended).toEqual([0, 0])
    for (const [index, { line }] of started.entries()) {
      const id = await line
      const [run, updates] = await inFolder((journal) => Effect.all([journal.run(id), journal.updates(id)]))
      expect([run.pipeline, run.status]).toEqual([["left", "right"][index], "done"])
      expect(updates.map((entry) => entry.update)).toEqual(Array.from({ length: 1500 }, (_, at) => at + 1))
    }
    const live = rows()
    await inFolder((journal) => journal.rebuild)
    expect(rows()).toEqual(live)
  })

  it("that are killed count as interrupted, with every update but the last quarter of a second's", async () => {
    const { child, line, exit } = start("recordRun.ts", root, "killed", "100", "stay")
    const id = await line
    expect((await inFolder((journal) => journal.run(id))).status).toBe("running")
    child.kill("SIGKILL")
    await exit
    const [run, updates] = await inFolder((journal) => Effect.all([journal.run(id), journal.updates(id)]))
    expect([run.status, run.finishedAt, updates.length]).toEqual(["interrupted", undefined, 100])
  })
})
