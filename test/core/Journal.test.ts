import * as fs from "node:fs"
import { join } from "node:path"
import * as Journal from "@thaw/core/Journal"
import { Deferred, Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { stepRun } from "./stepRuns.ts"
import { evaluated, failing, finished, given, inFolder, logOf, root, update, wholeRun, within } from "./inJournal.ts"

describe("a run", () => {
  it.each([
    ["folder", () => Journal.folder(root)],
    ["memory", () => Journal.memory],
  ] as const)("is remembered with all that was said of it (%s)", async (_, layer) => {
    await within(layer(), (journal) =>
      Effect.gen(function* () {
        const id = yield* wholeRun(journal)
        const run = yield* journal.run(id)
        expect(run).toMatchObject({ ...given(), id, status: "done" })
        expect(run).not.toHaveProperty("lockfileHash")
        expect(Date.parse(run.finishedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(run.startedAt))
        expect(Math.abs(Date.parse(run.startedAt) - Date.now())).toBeLessThan(60_000)
        expect(run.outputs).toEqual({ scores: { kind: "json/scores", hash: "ab", path: "/there" } })
        expect(run.metrics).toEqual({ "topic.accuracy": 0.9, "mood.loss": Number.POSITIVE_INFINITY })
        expect(yield* journal.stepRuns(id)).toMatchObject([
          { run: id, ...stepRun("load", 3) },
          { run: id, ...stepRun("train", 3), cached: true, seconds: 0 },
        ])
        expect(yield* journal.updates(id)).toEqual([update(1, 1), update(2, 0.5), update(3, Number.NaN)])
        expect(yield* journal.metrics(id)).toEqual([evaluated(0.75)])
        const events = (yield* journal.events(id)).map(({ event }) => event)
        expect(events.map((event) => event._tag)).toEqual([
          "stepStarted",
          "update",
          "update",
          "update",
          "evaluated",
          "runFinished",
        ])
        expect(events.at(-1)).toEqual(finished(id))
        expect(yield* journal.notices).toEqual([])
      }),
    )
  })

  it("has an id that sorts by its start, and is listed newest first", async () => {
    const [first, second, listed] = await inFolder((journal) =>
      Effect.gen(function* () {
        const older = yield* wholeRun(journal)
        yield* Effect.sleep("1100 millis")
        const newer = yield* wholeRun(journal)
        expect((yield* journal.runs(1)).map((run) => run.id)).toEqual([newer])
        return [older, newer, (yield* journal.runs(10)).map((run) => run.id)] as const
      }),
    )
    expect(first).toMatch(/^\d{8}-\d{6}-[0-9a-f]{4}$/)
    expect(first < second).toBe(true)
    expect(listed).toEqual([second, first])
  })

  it("is running until it is finished, and is on disk a moment after each event", async () => {
    await inFolder((journal) =>
      Effect.gen(function* () {
        const run = yield* journal.begin(given())
        yield* run.record(update(1, 0.5))
        expect(yield* journal.run(run.id)).toMatchObject({ status: "running", finishedAt: undefined, outputs: {} })
        yield* Effect.sleep("600 millis")
        expect(yield* journal.updates(run.id)).toEqual([update(1, 0.5)])
        yield* run.record(update(2, 0.25))
        yield* Effect.sleep("600 millis")
        expect(yield* journal.updates(run.id)).toHaveLength(2)
        yield* run.finish("failed")
        expect((yield* journal.run(run.id)).status).toBe("failed")
        expect(yield* journal.updates(run.id)).toHaveLength(2)
        yield* run.finish("done")
        yield* run.record(update(3, 0.1))
        expect((yield* journal.run(run.id)).status).toBe("failed")
      }),
    )
    expect(fs.readFileSync(logOf(fs.readdirSync(join(root, "runs"))[0]!), "utf8").split("\n")).toHaveLength(5)
  })

  it("that is interrupted or fails is written to its last event and says so", async () => {
    const statuses = await inFolder((journal) =>
      Effect.gen(function* () {
        const going = yield* Deferred.make<void>()
        const left = journal.begin(given("left")).pipe(
          Effect.tap((run) => run.record(update(1, 0.5))),
          Effect.andThen(Deferred.succeed(going, undefined)),
          Effect.andThen(Effect.never),
          Effect.scoped,
        )
        const fiber = yield* Effect.forkChild(left)
        yield* Deferred.await(going)
        yield* Fiber.interrupt(fiber)
        yield* Effect.exit(Effect.scoped(Effect.andThen(journal.begin(given("broke")), Effect.die("broken"))))
        const runs = yield* journal.runs(2)
        expect(yield* journal.updates(runs.find((run) => run.pipeline === "left")?.id ?? "")).toHaveLength(1)
        return Object.fromEntries(runs.map((run) => [run.pipeline, run.status]))
      }),
    )
    expect(statuses).toEqual({ left: "interrupted", broke: "failed" })
  })

  it("records a thousand updates without waiting for the disk", async () => {
    await inFolder((journal) =>
      Effect.gen(function* () {
        const run = yield* journal.begin(given())
        const size = () => fs.statSync(logOf(run.id)).size
        const before = size()
        const started = performance.now()
        for (let number = 1; number <= 1000; number++) yield* run.record(update(number, 1 / number))
        // Half a millisecond each would be felt; writing each line would take longer.
        expect(performance.now() - started).toBeLessThan(500)
        expect(size()).toBe(before)
        yield* run.finish("done")
        expect(yield* journal.updates(run.id)).toHaveLength(1000)
      }),
    )
  })
})

describe("finding", () => {
  it("takes the beginning of an id when only one run has it", async () => {
    await inFolder((journal) =>
      Effect.gen(function* () {
        const one = yield* wholeRun(journal)
        expect((yield* journal.run(one.slice(0, 3))).id).toBe(one)
        expect(yield* journal.stepRuns(one.slice(0, 9))).toHaveLength(2)
        const two = yield* wholeRun(journal)
        for (const id of [one, two]) expect((yield* journal.run(id)).id).toBe(id)
        const error = yield* Effect.flip(journal.run("2"))
        expect(error.got).toBe("2 runs")
        for (const id of [one, two]) expect(error.advice).toContain(id)
      }),
    )
  })

  it("says what is near when no run has the id", async () => {
    expect((await failing((journal) => journal.run("x"))).advice).toBe("There are no runs yet.")
    const id = await inFolder(wholeRun)
    const wrong = `${id.slice(0, -1)}x`
    for (const ask of ["run", "stepRuns", "metrics", "updates", "events"] as const) {
      const error = await failing<unknown>((journal) => journal[ask](wrong))
      expect(error.message).toBe(
        `run "${wrong}": expected the id of one run, or its beginning, got no such run. Did you mean "${id}"?`,
      )
    }
    expect((await failing((journal) => journal.run(""))).got).toBe("no such run")
  })

  it("gives the last step run of a label, of the same pipeline, before a run", async () => {
    await inFolder((journal) =>
      Effect.gen(function* () {
        const ids: Array<string> = []
        for (const [pipeline, words] of [
          ["a", 1],
          ["b", 2],
          ["a", 3],
        ] as const) {
          ids.push(yield* wholeRun(journal, pipeline, words))
          yield* Effect.sleep("5 millis")
        }
        const last = (pipeline: string, step: string, before?: string) =>
          journal
            .lastStepRun(pipeline, step, before)
            .pipe(Effect.map((found) => found?.ingredients.parameters["words"]))
        expect(yield* last("a", "load")).toBe(3)
        expect(yield* last("a", "load", ids[2])).toBe(1)
        expect(yield* last("a", "load", ids[0])).toBeUndefined()
        expect(yield* last("b", "train")).toBe(2)
        expect(yield* last("b", "split")).toBeUndefined()
        expect(yield* last("c", "load")).toBeUndefined()
      }),
    )
  })
})
