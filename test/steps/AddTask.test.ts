import * as Checkpoint from "@thaw/models/Checkpoint"
import * as LearningRate from "@thaw/models/LearningRate"
import * as AddTask from "@thaw/steps/AddTask"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Train from "@thaw/steps/Train"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const { train, validation, test } = Corpus.small
const { topic, mood } = Corpus.tasks
const from = Corpus.trained({ tasks: { topic }, epochs: 4 })
const told = {
  from,
  task: { mood },
  earlier: { topic: validation },
  learningRate: LearningRate.constant(1e-2),
  epochs: 2,
  batch: 8,
} satisfies AddTask.Options

/** What an encoder that moved far is worth under a promise that its phases did not give. */
const far = Train.addTask({
  ...told,
  freeze: Freeze.nothing(),
  learningRate: LearningRate.constant(0.5),
  noWorseThan: { tolerance: 1000, metric: "loss" },
})
const proven = (promised: Parameters<typeof AddTask.proven>[0]["promised"]) =>
  AddTask.proven({ before: from, after: far.trained, earlier: told.earlier, promised })

const tensorsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))
const during = async <A>(act: () => Promise<A>) => {
  const before = world.events.length
  const result = await act()
  return { result, events: world.events.slice(before) }
}

describe("a task added under a frozen encoder", () => {
  it("leaves the earlier task's scores the same to the last bit, and shows it", async () => {
    const { trained, proof } = Train.addTask(told)
    const scores = Evaluate.tasks({ trained, test: { topic: test, mood: test } })
    const { result, events } = await during(() => world.run({ from, trained, proof, scores }))
    const { values } = result
    expect(values.proof).toMatchObject({
      promised: { _tag: "sameBits" },
      tasks: [{ task: "topic", examples: 9, identical: true, largestDifference: 0 }],
    })
    const [shown] = values.proof.tasks
    expect(shown!.after).toEqual(shown!.before)
    const notices = events.flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    expect(notices).toContain("topic: scores of 9 examples are the same to the last bit.")
    expect(values.scores.tasks.map(({ task }) => task)).toEqual(["mood", "topic"])

    const [then, now] = await Promise.all([tensorsOf(values.from), tensorsOf(values.trained)])
    const added = Object.keys(now).filter((name) => !Object.hasOwn(then, name))
    expect(added).toEqual(["head.mood.classifier.bias", "head.mood.classifier.weight"])
    for (const name of Object.keys(then)) expect(now[name]).toEqual(then[name])
    expect(values.trained.training.updates["head.mood"]).toBe(2)
  })

  it("fails when they are not: a promise that nobody keeps is no promise", async () => {
    const { tag, problem } = await world.failure({ ...proven({ _tag: "sameBits" }) })
    expect([tag, problem]).toEqual([
      "InvalidData",
      expect.stringMatching(
        /^Train.addTask, proof.*: expected scores of the earlier tasks that are the same to the last bit, since the encoder was frozen, got topic: apart by \d/,
      ),
    ])
  })
})

describe("a task added while the encoder moves", () => {
  const moving = { ...told, freeze: Freeze.nothing() }

  it("needs a bound", () => {
    expect(() => Train.addTask(moving)).toThrow(
      "Train.addTask, noWorseThan: expected how much the earlier tasks may lose, since the encoder moves below their heads, got nothing. Write noWorseThan: { tolerance: 0.01 }, or keep the encoder frozen with Freeze.backbone().",
    )
    expect(() => Train.addTask({ ...told, freeze: Freeze.only("embeddings", "blocks") })).toThrow("noWorseThan")
  })

  it("is taken back when an earlier task falls below it", async () => {
    const { trained, proof } = Train.addTask({
      ...moving,
      learningRate: LearningRate.constant(0.5),
      noWorseThan: { tolerance: 0, metric: "loss" },
    })
    const { result, events } = await during(() => world.run({ trained, proof }))
    const notices = events.flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    expect(notices.filter((message) => message.startsWith("undone: topic fell from"))).toHaveLength(1)
    expect(result.values.proof.tasks).toMatchObject([{ task: "topic", identical: true }])
    expect(result.values.trained.training.updates["head.mood"]).toBeUndefined()
  })

  it("fails when the bound is kept by every phase and not by all together", async () => {
    const { tag, problem } = await world.failure({ ...proven({ _tag: "noWorseThan", tolerance: 0, metric: "loss" }) })
    expect([tag, problem]).toEqual([
      "InvalidData",
      expect.stringMatching(
        /^Train.addTask, proof.*: expected earlier tasks that lose 0 at most, got topic fell from -\d.* to -\d.*\. Let fewer groups train/,
      ),
    ])
  })

  it("is held in place by the earlier task's loss, whose head stays as it is", async () => {
    const grown = (rehearse: NonNullable<AddTask.Options["rehearse"]>) =>
      Train.addTask({ ...moving, epochs: 4, noWorseThan: { tolerance: 1 }, rehearse })
    const [held, loose] = [grown({ topic: { train, rate: 0.5 } }), grown({})]
    const { result, events } = await during(() => world.run({ from, held: held.trained, heldProof: held.proof }))
    const { values } = result
    const drawn = events.flatMap((event) =>
      event._tag === "update" && event.step.startsWith("Train.phase") ? [event.task] : [],
    )
    expect(new Set(drawn)).toEqual(new Set(["mood", "topic"]))
    const [then, now] = await Promise.all([tensorsOf(values.from), tensorsOf(values.held)])
    const isOf = (prefix: string) => Object.keys(then).filter((name) => name.startsWith(prefix))
    for (const name of isOf("head.topic.")) expect(now[name]).toEqual(then[name])
    expect(
      isOf("bert.").filter((name) => now[name]!.data.some((each, at) => each !== then[name]!.data[at])).length,
    ).toBeGreaterThan(10)
    const other = await world.run({ proof: loose.proof })
    const lossOf = (proof: AddTask.Proof) => proof.tasks[0]!.after["loss"]!
    expect(lossOf(values.heldProof)).toBeLessThan(lossOf(other.values.proof))
  })
})

describe("the phases of a task added", () => {
  const phasesOf = (options: Partial<AddTask.Options>) =>
    AddTask.settings({ ...told, ...options }, 2).map(({ trains, tasks, rehearse, watch, noWorseThan }) => ({
      trains,
      tasks,
      rehearse,
      watch,
      noWorseThan,
    }))

  it("are one under a frozen encoder unless the author says otherwise, and watch the earlier tasks", () => {
    const only = { trains: ["heads"], tasks: ["mood"], rehearse: {}, watch: ["topic"], noWorseThan: undefined }
    expect(phasesOf({})).toEqual([only])
  })

  it("rehearse earlier tasks where the encoder moves, and only there", () => {
    const phases = phasesOf({
      freeze: Freeze.gradual({ embeddings: "frozen" }),
      rehearse: { topic: { train, rate: 0.1 } },
      noWorseThan: { tolerance: 0.02 },
    })
    expect(phases.map(({ trains, rehearse }) => [trains, rehearse])).toEqual([
      [["heads"], {}],
      [["block.1+", "heads"], { topic: 0.1 }],
      [["block.0+", "heads"], { topic: 0.1 }],
    ])
    expect(new Set(phases.map(({ noWorseThan }) => JSON.stringify(noWorseThan)))).toEqual(
      new Set([JSON.stringify({ tolerance: 0.02, tasks: ["topic"] })]),
    )
  })

  it.each([
    ["heads by name", Freeze.phases([{ train: ["head.mood"] }]), true],
    ["heads but one", Freeze.phases([{ train: ["heads", "!head.x"] }]), true],
    ["a block in a later phase", Freeze.phases([{ train: ["heads"] }, { train: ["heads", "block.1"] }]), false],
    ["adapters", Freeze.lora(), false],
    ["one by one from the top", Freeze.gradual(), false],
  ])("that train %s promise the same bits, or need a bound", (_, freeze, same) => {
    if (same) expect(AddTask.promised({ ...told, freeze })).toEqual({ _tag: "sameBits" })
    else expect(() => AddTask.promised({ ...told, freeze })).toThrow("noWorseThan")
  })
})

describe("every earlier task", () => {
  it("is part of the proof", async () => {
    const { trained } = Train.addTask({ ...told, earlier: {} })
    await expect(world.run({ trained })).rejects.toThrow(
      'Train.addTask, earlier: expected held-out examples of every task that has a head, got none of "topic". What nobody looks at could get worse unseen.',
    )
  })
})
