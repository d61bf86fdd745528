/** How a phase ends: which weights it gives, and when it gives back what it was given. */
import type { RunEvent } from "@thaw/core/RunEvent"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as LearningRate from "@thaw/models/LearningRate"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Train from "@thaw/steps/Train"
import * as History from "@thaw/steps/training/History"
import type { Settings } from "@thaw/steps/training/Settings"
import { Effect, Layer } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "../corpus.ts"
import * as World from "../world.ts"

const world = World.make()
afterAll(world.dispose)

const weightsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))
const entryOf = ({ training }: Checkpoint.Checkpoint) => History.latest(training.history)!

const alone = Corpus.alone(["*"], 1)
/** A phase from the started checkpoint, or from another, that goes on drawing as phase 1. */
const phase = (
  changed: Partial<Settings>,
  checkpoint: Parameters<typeof Train.phase>[0]["checkpoint"] = Corpus.started,
) => Train.phase({ ...alone, checkpoint, ...changed })

/** What changes everything for the worse, without the loss becoming no number. */
const harmful = { learningRate: LearningRate.constant(1), length: { epochs: 1 }, place: { phase: 2 } } as const

describe("the best weights are given", () => {
  const long = { length: { epochs: 12 }, learningRate: LearningRate.constant(2e-2) } as const
  const early = { minDelta: 0, patience: 2, tasks: "aggregate", scope: "phase" } as const

  it.each([
    { name: "by early stopping", settings: { ...long, earlyStopping: early } },
    {
      name: "though it never stopped",
      settings: { ...long, length: { epochs: 6 }, earlyStopping: { ...early, patience: 50 } },
    },
    {
      name: "by convergence",
      settings: { ...long, length: { converged: { minDelta: 0, patience: 2, maxEpochs: 12 } } },
    },
  ])("$name: they are those of a phase that ended there", async ({ settings }) => {
    const { values } = await world.run({ trained: phase(settings) })
    const entry = entryOf(values.trained)
    const best = entry.restored ?? entry.updates
    const { values: cut } = await world.run({ trained: phase({ ...long, length: { updates: best } }) })
    expect(await weightsOf(values.trained)).toEqual(await weightsOf(cut.trained))
    expect(values.trained.training.updates).toEqual(cut.trained.training.updates)
    // The oracle for which one is best: the scores as they were told.
    const means = new Map<number, number>()
    for (const { update, metrics } of entry.validation)
      means.set(update, (means.get(update) ?? 0) + metrics["macroF1"]!)
    const highest = Math.max(...means.values())
    expect(best).toBe([...means].find(([, mean]) => mean === highest)![0])
  })

  it("of each task for itself, where each stops for itself", async () => {
    const tasks = {
      topic: Corpus.parts({ train: Corpus.rows(24, "text", "t"), heldOut: Corpus.rows(9, "text", "h") }),
      mood: Corpus.parts({ train: Corpus.rows(30, "text", "m"), heldOut: Corpus.rows(9, "text", "n") }),
    }
    const data = {
      train: { topic: tasks.topic.train, mood: tasks.mood.train },
      validation: { topic: tasks.topic.validation, mood: tasks.mood.validation },
      trains: ["heads"],
      learningRate: LearningRate.constant(5e-2),
    }
    const earlyStopping = { minDelta: 0, patience: 2, tasks: "perTask", scope: "phase" } as const
    const { values } = await world.run({ trained: phase({ ...data, length: { epochs: 20 }, earlyStopping }) })
    const entry = entryOf(values.trained)
    expect(entry.updates).toBeLessThan(100)
    const weights = await weightsOf(values.trained)
    for (const task of ["topic", "mood"]) {
      const scores = entry.validation.filter((each) => each.task === task)
      const highest = Math.max(...scores.map(({ metrics }) => metrics["macroF1"]!))
      const best = scores.find(({ metrics }) => metrics["macroF1"] === highest)!.update
      // Over a frozen encoder a head's updates do not depend on the other task.
      const { values: cut } = await world.run({ trained: phase({ ...data, length: { updates: best } }) })
      const name = `head.${task}.classifier.weight`
      expect(weights[name], task).toEqual((await weightsOf(cut.trained))[name])
      expect(values.trained.training.updates[`head.${task}`]).toBe(cut.trained.training.updates[`head.${task}`])
    }
  })

  it("of the whole run, where early stopping goes on from phase to phase", async () => {
    const earlyStopping = { ...early, scope: "run" } as const
    const first = phase({ ...long, earlyStopping })
    const second = phase({ ...harmful, length: { epochs: 5 }, earlyStopping }, first)
    const { values } = await world.run({ first, second })
    // Patience was at its end already.
    expect(entryOf(values.second).updates).toBe(0)
    expect(await weightsOf(values.second)).toEqual(await weightsOf(values.first))
    const patient = { ...earlyStopping, patience: 100 }
    const one = phase({ ...long, earlyStopping: patient })
    const two = phase({ ...harmful, earlyStopping: patient }, one)
    const { values: longer } = await world.run({ one, two })
    expect(entryOf(longer.two).updates).toBe(4)
    expect(entryOf(longer.two).restored).toBe(0)
    expect(await weightsOf(longer.two)).toEqual(await weightsOf(longer.one))
    expect(longer.two.training.updates).toEqual(longer.one.training.updates)
  })
})

describe("a phase whose end depends on validation", () => {
  it("is refused where a task that is drawn has none", async () => {
    const length = { converged: { minDelta: 0, patience: 2, maxEpochs: 12 } }
    const unscored = { validation: { topic: Corpus.small.validation } }
    const failure = await world.failure({ trained: phase({ length, ...unscored }) })
    expect(failure.problem).toBe(
      'Train.phase 1, nothing frozen, validation: expected examples that carry a label for task "mood", whose score decides when to stop and what to keep, got none. Give the task validation examples, or a length in epochs or updates without early stopping.',
    )
  })
})

describe("a phase is undone", () => {
  const good = phase({ length: { epochs: 8 }, learningRate: LearningRate.constant(1e-2) })

  it("when a task falls below its bound, and not when it does not", async () => {
    const noWorseThan = { tolerance: 0.05, tasks: ["topic"] }
    const { values } = await world.run({
      good,
      bad: phase({ ...harmful, noWorseThan }, good),
      same: phase({ ...harmful, learningRate: LearningRate.constant(1e-9), noWorseThan }, good),
    })
    expect(entryOf(values.bad).undone).toMatch(/^topic fell from [\d.]+ to 0\.\d+$/)
    expect(await weightsOf(values.bad)).toEqual(await weightsOf(values.good))
    expect(values.bad.training.updates).toEqual(values.good.training.updates)
    expect(values.bad.training.history).toHaveLength(2)
    expect(entryOf(values.bad).scores).toEqual(entryOf(values.good).scores)
    expect(entryOf(values.same).undone).toBeUndefined()
    expect(values.same.training.updates["block.0"]).toBe(values.good.training.updates["block.0"]! + 4)
  })

  it("when unfreezing further is no gain, and the rest of the row does nothing", async () => {
    const row = (position: number) => ({ unfreezeUntil: { minDelta: 0, position } })
    const first = phase({ length: { epochs: 8 }, ...row(1) })
    const second = phase({ ...harmful, ...row(2) }, first)
    const third = phase({ ...harmful, place: { phase: 3 }, ...row(3) }, second)
    const { values } = await world.run({ first, second, third })
    expect(entryOf(values.second).ended).toMatch(/^no gain: /)
    expect(entryOf(values.third)).toMatchObject({ updates: 0, ended: entryOf(values.second).ended })
    expect(await weightsOf(values.third)).toEqual(await weightsOf(values.first))
    expect(values.third.training.history).toHaveLength(3)
  })

  it("never the first of a row, which ends when it reaches the target", async () => {
    const row = (position: number) => ({ unfreezeUntil: { target: 0.3, minDelta: 0, position } })
    const first = phase({ length: { epochs: 8 }, ...row(1) })
    const { values } = await world.run({ first, second: phase({ ...harmful, ...row(2) }, first) })
    expect(entryOf(values.first).ended).toMatch(/^reached [\d.]+$/)
    expect(entryOf(values.second).updates).toBe(0)
  })
})

describe("what is frozen", () => {
  const finished = (events: ReadonlyArray<RunEvent>) =>
    events.flatMap((event) => (event._tag === "phaseFinished" ? [event] : []))

  it("has a checksum in the events, the same for the same tensors", async () => {
    const fresh = World.make()
    await fresh.run({
      heads: phase({ trains: ["heads"] }),
      others: phase({ trains: ["heads"], learningRate: LearningRate.constant(3e-3) }),
      top: phase({ trains: ["block.1", "heads"] }),
    })
    const [heads, others, top] = finished(fresh.events).map(({ frozen }) => frozen)
    expect(heads).toEqual(others)
    expect(heads!.tensors).toBe(5 + 2 * 16)
    expect(top!.tensors).toBe(5 + 16)
    expect(top!.sha256).not.toBe(heads!.sha256)
    await fresh.dispose()
  })

  it("fails the run when one bit of it changes in memory meanwhile", async () => {
    const name = "bert.encoder.layer.0.output.dense.bias"
    const tampering = Layer.effect(
      Sessions,
      Effect.map(Sessions, (sessions) => ({
        ...sessions,
        open: Effect.map(sessions.open, (device) => {
          let runs = 0
          const tamper = Effect.gen(function* () {
            const tensor = (yield* device.take([name]))[name]!
            const data = Float32Array.from(tensor.data as Float32Array)
            new Uint32Array(data.buffer)[3]! ^= 1
            yield* device.put({ [name]: Tensor.float32(tensor.shape, data) })
          })
          return {
            ...device,
            session: (graph: Parameters<typeof device.session>[0]) =>
              Effect.map(device.session(graph), (session) => ({
                run: (request: Parameters<typeof session.run>[0]) =>
                  Effect.tap(session.run(request), () => (++runs === 4 ? tamper : Effect.void)),
              })),
          }
        }),
      })),
    ).pipe(Layer.provide(SessionProcess.layer({ threads: 1 })))
    const tampered = World.make({ sessions: tampering })
    const failure = await tampered.failure({ trained: phase({ trains: ["heads"] }) })
    expect(failure.tag).toBe("TrainingInvalid")
    expect(failure.problem).toMatch(
      `Train.phase 1, backbone frozen: expected every frozen tensor to keep its bits, got 1 changed: "${name}".`,
    )
    await tampered.dispose()
  })
})

describe("a phase that is interrupted", () => {
  it.each<Partial<Settings>>([
    {},
    { trains: ["heads"], lora: { rank: 2, alpha: 4, dropout: 0.1, targets: ["query", "value"] } },
  ])("saves where it is, says so, and goes on there to the same bytes: %j", async (settings) => {
    const outputs = { trained: phase({ ...settings, length: { epochs: 10 }, save: {} }) }
    const { exit } = await world.interrupted(outputs, (event) => event._tag === "update" && event.update === 7)
    expect(exit._tag).toBe("Failure")
    const saved = world.events.findLast((event) => event._tag === "saved")
    expect(saved).toMatchObject({ phase: 1, of: 40 })
    const before = world.events.length
    const { hashes } = await world.run(outputs)
    const updates = world.events.slice(before).flatMap((event) => (event._tag === "update" ? [event.update] : []))
    expect(updates[0]).toBe((saved as { readonly update: number }).update + 1)
    expect(updates.at(-1)).toBe(40)
    const other = World.make()
    expect((await other.run(outputs)).hashes.trained).toBe(hashes.trained)
    await other.dispose()
  })
})
