import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Dag from "@thaw/core/Dag"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderDigest from "@thaw/models/EncoderDigest"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Train from "@thaw/steps/Train"
import * as Transfer from "@thaw/steps/Transfer"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as Checkpoints from "./export/checkpoints.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const { test } = Corpus.small
const { topic } = Corpus.tasks
/** The head alone has trained: its encoder is the one that it started with. */
const source = Corpus.trained({ tasks: { topic }, freeze: Freeze.backbone(), epochs: 4 })
/** Encoder and head have trained. */
const moved = Corpus.trained({ tasks: { topic } })

const tensorsOf = (checkpoint: Checkpoint.Checkpoint) => Effect.runPromise(Checkpoint.tensors(checkpoint))
const run = async <O extends Parameters<typeof world.run>[0]>(outputs: O) => {
  const before = world.events.length
  const result = await world.run<O>(outputs)
  const notices = world.events.slice(before).flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
  return { ...result, notices }
}

/** The corpus with other names for its topics. */
const renamed = (names: Readonly<Record<string, string>>) => {
  const rows = (count: number, prefix: string) =>
    Corpus.rows(count, "text", prefix).map((row) => ({
      ...row,
      labels: { ...row.labels, topic: names[row.labels["topic"]!]! },
    }))
  return Corpus.parts({ train: rows(24, "t"), heldOut: rows(9, "h") })
}

describe("a head from another checkpoint", () => {
  it("answers as it did there, without any update, on the encoder that it was trained on", async () => {
    const from = Transfer.head({ checkpoint: source })
    const trained = Corpus.trained({ tasks: { topic: { ...topic, from } }, freeze: Freeze.everything() })
    const there = Evaluate.tasks({ trained: source, test: { topic: test } })
    const here = Evaluate.tasks({ trained, test: { topic: test } })
    const { values, notices } = await run({ there, here })
    expect(values.here).toEqual(values.there)
    expect(notices).toEqual([])
  })

  it("says so where it was trained on another encoder, which is kept with it", async () => {
    const from = Transfer.head({ checkpoint: moved })
    const trained = Corpus.trained({ tasks: { topic: { ...topic, from } }, freeze: Freeze.everything() })
    const scores = Evaluate.tasks({ trained, test: { topic: test } })
    const { values, notices } = await run({ moved, trained, scores })
    const [there, here] = await Promise.all(
      [values.moved, values.trained].map((each) => Effect.runPromise(EncoderDigest.of(each))),
    )
    expect(values.trained.training.trainedOn).toEqual({ topic: there })
    const sentence = `topic: its head was trained on another encoder (${there!.slice(0, 12)}) than it is used with (${here!.slice(0, 12)}): its answers mean less until it trains on this one.`
    // Once where it is put on, once where it answers.
    expect(notices).toEqual([sentence, sentence])
  })

  it("belongs to the encoder that it trains on from then on", async () => {
    const from = Transfer.head({ checkpoint: moved })
    const trained = Corpus.trained({ tasks: { topic: { ...topic, from } } })
    const scores = Evaluate.tasks({ trained, test: { topic: test } })
    const { values, notices } = await run({ trained, scores })
    const own = await Effect.runPromise(EncoderDigest.of(values.trained))
    expect(values.trained.training.trainedOn).toEqual({ topic: own })
    // The step that put it on has run before.
    expect(notices).toEqual([])
  })

  it("answers as it did under labels that have other names", async () => {
    const names = { animal: "Tier", tool: "Werkzeug" }
    const data = renamed(names)
    const task = { head: Corpus.head, train: data.train, validation: data.validation }
    const from = Transfer.head({ checkpoint: source, labels: names })
    const trained = Corpus.trained({ tasks: { topic: { ...task, from } }, freeze: Freeze.everything() })
    const there = Evaluate.tasks({ trained: source, test: { topic: test } })
    const here = Evaluate.tasks({ trained, test: { topic: data.test } })
    const { values } = await run({ there, here })
    expect(values.here.tasks[0]!.metrics).toEqual(values.there.tasks[0]!.metrics)
  })

  it("may be another task's, under its labels", async () => {
    const three = renamed({ animal: "animal", tool: "tool" })
    const head = { head: Corpus.head, train: three.train, validation: three.validation }
    const from = Transfer.head({ checkpoint: source, task: "topic", labels: { animal: "good", tool: "bad" } })
    const trained = Corpus.trained({
      tasks: { topic: head, mood: { ...Corpus.tasks.mood, from } },
      freeze: Freeze.everything(),
    })
    const { values } = await run({ source, trained })
    const [then, now] = await Promise.all([values.source, values.trained].map((each) => tensorsOf(each))) // prettier-ignore
    // Labels are in order of their names: animal, tool there; bad, good here.
    const there = then!["head.topic.classifier.bias"]!.data
    expect(now!["head.mood.classifier.bias"]!.data).toEqual(Float32Array.of(Number(there[1]), Number(there[0])))
    expect(values.trained.training.trainedOn).toHaveProperty("mood")
    expect(values.trained.training.trainedOn).not.toHaveProperty("topic")
  })

  it("leaves out labels that the data has none of, and says so", async () => {
    const of = (labels: ReadonlyArray<string>) => {
      const made = Checkpoints.make("bert", { heads: { topic: { ...Head.classification(), labels } } })
      return { ...made, training: { ...made.training, trainedOn: { topic: Effect.runSync(EncoderDigest.of(made)) } } }
    }
    const trained = Transfer.heads({
      checkpoint: of(["a", "c"]),
      from: { topic: of(["a", "b", "c", "d"]) },
      transfers: { topic: { task: "topic", labels: {}, fresh: [] } },
    })
    expect((await run({ trained })).notices).toEqual([
      'topic: left out of the head it starts from, since the data has none of them: "b", "d".',
    ])
  })

  it("can be that of an added task", async () => {
    const { trained, proof } = Train.addTask({
      from: Corpus.trained({ tasks: { mood: Corpus.tasks.mood }, freeze: Freeze.backbone() }),
      task: { topic: { ...topic, from: Transfer.head({ checkpoint: source }) } },
      earlier: { mood: Corpus.small.validation },
      learningRate: LearningRate.constant(1e-3),
      epochs: 1,
    })
    const { values, notices } = await run({ trained, proof })
    expect(Object.keys(values.trained.heads).sort()).toEqual(["mood", "topic"])
    expect(notices).toContain("mood: scores of 9 examples are the same to the last bit.")
    expect(notices.filter((message) => message.includes("another encoder"))).toEqual([])
  })
})

describe("a head of another checkpoint is refused", () => {
  const failure = async (from: Transfer.Transfer, task: Partial<Train.Task> = {}) =>
    (await world.failure({ x: Corpus.trained({ tasks: { topic: { ...topic, ...task, from } } }) })).problem

  it("where there is none, or none that has trained", async () => {
    expect(await failure(Transfer.head({ checkpoint: source, task: "topics" }))).toBe(
      'Transfer.heads, task topic: expected a task that has a head in the checkpoint it starts from, got "topics". Did you mean "topic"?',
    )
    const random = Corpus.trained({ tasks: { topic }, freeze: Freeze.everything() })
    expect(await failure(Transfer.head({ checkpoint: random }))).toBe(
      "Transfer.heads, task topic: expected head.topic of the checkpoint it starts from to have trained, got a head of random numbers, which never had an update. Let it start from scratch: leave out from.",
    )
  })

  it("where labels do not fit, with both sets of them", async () => {
    const data = renamed({ animal: "Tier", tool: "tool" })
    const task = { train: data.train, validation: data.validation }
    expect(await failure(Transfer.head({ checkpoint: source }), task)).toBe(
      'Transfer.heads, task topic: expected a label of the head it starts from for each of the data: "Tier", "tool", got none for "Tier" among "animal", "tool". Say what becomes it with labels: { "animal": "Tier" }, or let it start random with fresh: ["Tier"].',
    )
  })
})

describe("a frozen head over an encoder that moves", () => {
  it("is said to be another's when it answers, and adapters that are merged change nothing", async () => {
    const adapted = Corpus.trained({ tasks: { topic }, freeze: Freeze.lora({ rank: 2 }), epochs: 1 })
    const merged = Train.phase({
      checkpoint: Train.heads({
        checkpoint: adapted,
        heads: { mood: Corpus.head },
        train: { mood: Corpus.small.train },
      }),
      ...Corpus.alone(["*", "!head.topic"], 1, 2),
    })
    const scores = Evaluate.tasks({ trained: merged, test: { topic: test, mood: test } })
    const { values, notices } = await run({ adapted, merged, scores })
    const before = await Effect.runPromise(EncoderDigest.of(values.adapted))
    expect(values.adapted.training.trainedOn).toEqual({ topic: before })
    const said = notices.filter((message) => message.includes("was trained on another encoder"))
    expect(said).toHaveLength(1)
    expect(said[0]).toMatch(/^topic: its head was trained on another encoder/)
  })
})

describe("another pipeline's checkpoint, by its folder", () => {
  const home = mkdtempSync(path.join(tmpdir(), "thaw-transfer-"))
  const kept = World.make({ home })
  afterAll(async () => {
    await kept.dispose()
    rmSync(home, { recursive: true, force: true })
  })

  it("comes with its heads, of which the plan knows, and answers as it did", async () => {
    const { folders, values } = await kept.run({
      source,
      scores: Evaluate.tasks({ trained: source, test: { topic: test } }),
    })
    const again = Encoder.fromCheckpoint({ path: folders.source })
    const scores = Evaluate.tasks({ trained: again, test: { topic: test } })
    const result = await kept.run({ again, scores })
    expect(result.values.scores).toEqual(values.scores)
    expect(result.hashes.again).toBe((await kept.run({ source })).hashes.source)
    const { nodes } = Dag.make(Pipeline.make("x", { seed: 1, outputs: { again } }))
    expect(nodes[0]!.forecast).toMatchObject({ heads: { topic: { labels: 2 } }, trained: ["head.topic"] })
    const { problem } = await kept.failure({ x: Encoder.fromCheckpoint({ path: path.join(folders.source, "..") }) })
    expect(problem).toMatch(/: expected a folder with a checkpoint, got a folder without "config\.json", /)
  })
})
