import type * as Sample from "@thaw/steps/Sample"
import * as Loop from "@thaw/steps/training/Loop"
import * as Progress from "@thaw/steps/training/Progress"
import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"

const start = Progress.start({}, {}, [])
function* draws(): Generator<Sample.Draw, never, void> {
  for (let at = 0; ; at++) yield { parts: [{ task: at % 2 === 0 ? "even" : "odd", rows: [at] }] }
}

/** A loop over updates that take their time, with a list of what happened. */
const loop = (changed: Partial<Loop.Parts<string, never>> = {}) => {
  const happened: Array<string> = []
  /** As a device: what it was asked for it does, whoever still waits. */
  let device = 0
  const work = (millis: number) =>
    Effect.promise(() => new Promise<void>((done) => setTimeout(() => done(void device++), millis)))
  const parts: Loop.Parts<string, never> = {
    total: 6,
    perEpoch: 3,
    draws: draws(),
    update: (progress, draw) =>
      Effect.map(work(30), () => ({
        progress: Progress.counted(progress, ["head.a"]),
        told: Effect.sync(() => void happened.push(`update of row ${draw.parts[0]!.rows[0]}`)),
      })),
    evaluate: (progress) =>
      Effect.sync(() => {
        happened.push(`evaluation at ${progress.update}`)
        const evaluations = [...progress.evaluations, { update: progress.update, scores: [] }]
        return Effect.succeed({ ...progress, evaluations })
      }),
    isOver: () => false,
    save: ({ update, counts }) =>
      Effect.sync(() => void happened.push(`save at ${update}, ${counts["head.a"] ?? 0} counted`)),
    everyUpdates: undefined,
    everyMillis: undefined,
    ...changed,
  }
  return { happened, device: () => device, run: (from = start) => Effect.scoped(Loop.run(parts, from)) }
}

describe("the loop of a phase", () => {
  it("evaluates at the end of every epoch, and of the phase", async () => {
    const { run, happened } = loop({ total: 4 })
    await Effect.runPromise(run())
    expect(happened.filter((each) => each.startsWith("evaluation"))).toEqual(["evaluation at 3", "evaluation at 4"])
  })

  it("saves every so many updates", async () => {
    const { run, happened } = loop({ everyUpdates: 2 })
    await Effect.runPromise(run())
    expect(happened.filter((each) => each.startsWith("save"))).toEqual(["save at 2, 2 counted", "save at 4, 4 counted"])
  })

  it("goes on with the draw after those that were taken, and evaluates what was not", async () => {
    const { run, happened } = loop()
    await Effect.runPromise(run({ ...start, update: 3, counts: { "head.a": 3 } }))
    expect(happened.slice(0, 2)).toEqual(["evaluation at 3", "update of row 3"])
  })

  it("passes over draws of a task that has stopped", async () => {
    const { run, happened } = loop({ total: 4, perEpoch: 9 })
    const last = await Effect.runPromise(run({ ...start, stopped: { odd: 0 } }))
    expect(happened.filter((each) => each.startsWith("update"))).toEqual(["update of row 0", "update of row 2"])
    expect([last.update, last.counts]).toEqual([4, { "head.a": 2 }])
  })

  it("leaves out of a draw what it holds for a task that has stopped", async () => {
    const taken: Array<string> = []
    const mixed = { parts: [{ task: "a", rows: [1] }, { task: "b", rows: [2] }] } // prettier-ignore
    const { run } = loop({
      total: 1,
      draws: (function* () {
        while (true) yield mixed
      })(),
      update: (progress, draw) => {
        taken.push(...draw.parts.map(({ task }) => task))
        return Effect.succeed({ progress: Progress.counted(progress, []), told: Effect.void })
      },
    })
    await Effect.runPromise(run({ ...start, stopped: { a: 0 } }))
    expect(taken).toEqual(["b"])
  })

  it.each([5, 15, 25, 35, 47, 61, 80])(
    "saves what the device has when it is interrupted after %i ms, in the midst of an update or not",
    async (millis) => {
      const { run, happened, device } = loop({ perEpoch: 100, total: 100 })
      const fiber = Effect.runFork(run())
      await new Promise((done) => setTimeout(done, millis))
      await Effect.runPromise(Fiber.interrupt(fiber))
      const updates = device()
      expect(updates).toBeGreaterThan(0)
      expect(happened.at(-1)).toBe(`save at ${updates}, ${updates} counted`)
    },
  )

  it("saves nothing when the update under way fails", async () => {
    const failing = Effect.andThen(Effect.sleep(30), Effect.fail("broken"))
    const { run, happened } = loop({ update: () => failing })
    const fiber = Effect.runFork(run({ ...start, update: 1 }))
    await new Promise((done) => setTimeout(done, 10))
    await Effect.runPromise(Fiber.interrupt(fiber))
    expect(happened).toEqual([])
  })
})
