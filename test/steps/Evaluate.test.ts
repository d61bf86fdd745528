import { createHash } from "node:crypto"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Head from "@thaw/models/Head"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Export from "@thaw/steps/Export"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
const home = mkdtempSync(path.join(tmpdir(), "thaw-evaluate-"))
const kept = World.make({ home })
afterAll(async () => {
  await world.dispose()
  await kept.dispose()
  rmSync(home, { recursive: true, force: true })
})

const parts = Corpus.parts({
  train: Corpus.rows(60, "tokens", "t"),
  heldOut: Corpus.rows(30, "tokens", "h"),
  form: "tokens",
})
const data = { train: parts.train, validation: parts.validation }
const trained = Corpus.trained({
  encoder: Corpus.encoder(parts.train),
  tasks: {
    topic: { head: Corpus.head, ...data },
    mood: { head: Corpus.head, ...data },
    thing: { head: Head.tokenClassification(), ...data },
  },
  epochs: 10,
})

const failureOf = async (test: Parameters<typeof Evaluate.tasks>[0]["test"]) => {
  const { tag, problem } = await world.failure({ scores: Evaluate.tasks({ trained, test }) })
  return [tag, problem]
}

describe("figures of a checkpoint", () => {
  it("count the examples that carry a task's label, beat the most frequent label, and are told as events", async () => {
    const test = { topic: parts.test, mood: parts.test, thing: parts.test }
    const before = world.events.length
    const { values } = await world.run({ scores: Evaluate.tasks({ trained, test }) })
    const of = Object.fromEntries(values.scores.tasks.map((scores) => [scores.task, scores]))
    expect(Object.entries(of).map(([task, { examples }]) => [task, examples])).toEqual([
      ["mood", 10],
      ["thing", 30],
      ["topic", 30],
    ])
    // 30 rows take turns; every third carries a mood, and of those half are of either kind.
    expect(of["topic"]!.majority).toMatchObject({ accuracy: 0.5 })
    expect(of["topic"]!.metrics["accuracy"]).toBeGreaterThan(0.8)
    expect(of["thing"]!.metrics["entityF1"]).toBeGreaterThan(0.5)
    const topic = of["topic"]!
    expect(topic.confusion.map((line) => line.reduce((sum, count) => sum + count, 0))).toEqual([15, 15])
    const right = topic.confusion.reduce((sum, line, at) => sum + line[at]!, 0)
    expect(topic.metrics["accuracy"]).toBeCloseTo(right / 30, 12)
    const told = world.events
      .slice(before)
      .flatMap((event) => (event._tag === "evaluated" && event.split === "test" ? [[event.task, event.metrics]] : []))
    expect(told).toEqual(values.scores.tasks.map(({ task, metrics }) => [task, metrics]))
  })

  it("are the same a second time", async () => {
    const test = { topic: parts.test }
    const { hashes } = await world.run({ scores: Evaluate.tasks({ trained, test }) })
    const other = World.make({ threads: 2 })
    expect((await other.run({ scores: Evaluate.tasks({ trained, test }) })).hashes.scores).toBe(hashes.scores)
    await other.dispose()
  })
})

describe("what cannot be evaluated", () => {
  it("is a task without a head", async () => {
    expect(await failureOf({ topics: parts.test })).toEqual([
      "InvalidData",
      'Evaluate.tasks: expected a task that has a head: "mood", "thing", "topic", got "topics". Did you mean "topic"?',
    ])
  })

  it("is a label that training never had", async () => {
    const [first, ...others] = Corpus.rows(4, "tokens", "x")
    const odd = Corpus.parts({
      train: [],
      heldOut: [{ ...first!, labels: { topic: "plant" } }, ...others],
      form: "tokens",
    })
    expect(await failureOf({ topic: odd.test })).toEqual([
      "InvalidData",
      'Evaluate.tasks, task topic, example x0: expected a label that occurs in training: "animal", "tool", got "plant". Give the training part an example of it, or leave such examples out.',
    ])
  })

  it("is a task that no example carries a label for", async () => {
    const bare = Corpus.rows(4, "tokens", "x").map((row) => ({ ...row, labels: { topic: "tool" } }))
    const none = Corpus.parts({ train: [], heldOut: bare, form: "tokens" })
    expect(await failureOf({ mood: none.test })).toEqual([
      "InvalidData",
      "Evaluate.tasks, task mood: expected examples that carry its label, got none. Evaluate the tasks that the held-out part has labels for.",
    ])
  })
})

describe("test texts that a phase trained on", () => {
  const [seen, ...others] = Corpus.rows(8, "tokens", "x")
  const [trainedOn] = Corpus.rows(1, "tokens", "t")
  // Other words in other case are the same text; an example without the task's label is not looked at.
  const words = trainedOn!.tokens!.map((word) => word.toUpperCase())
  const leaked = Corpus.parts({
    train: [],
    heldOut: [{ ...seen!, tokens: words }, ...others.map((row, at) => (at < 4 ? row : { ...row, labels: {} }))],
    form: "tokens",
  })
  const test = { topic: leaked.test }

  it("are refused, with how many there are and the first", async () => {
    expect(await failureOf(test)).toEqual([
      "InvalidData",
      'Evaluate.tasks: expected test texts that nothing was trained on, got 1 of 5 test examples with texts that were, first "THE HAPPY CAT NUMBER T0 IS HERE" (task "topic", example x0). Split the data of all tasks together, or pass overlap: "dropFromTest" or overlap: "allow".',
    ])
  })

  it("are scored or left out when told so; the scores and a notice say how many", async () => {
    const before = world.events.length
    const allowed = Evaluate.tasks({ trained, test, overlap: "allow" })
    const dropped = Evaluate.tasks({ trained, test, overlap: "dropFromTest" })
    const { values } = await world.run({ allowed, dropped })
    expect(values.allowed.tasks).toMatchObject([{ examples: 5, overlap: 0.2 }])
    expect(values.dropped.tasks).toMatchObject([{ examples: 4, overlap: 0 }])
    const told = world.events.slice(before).flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    expect(told.sort()).toEqual([
      "1 of 5 test examples left out, whose texts were trained on",
      "scores measure memory too: 1 of 5 test examples have texts that were trained on",
    ])
  })

  it("are known from the checkpoint: the sorted hashes of its training texts, as one file", async () => {
    const { folders, values } = await kept.run({ trained })
    const bytes = readFileSync(path.join(folders.trained, "texts.bin"))
    const oracle = Corpus.rows(60, "tokens", "t").map(({ tokens }) =>
      createHash("sha256").update(tokens!.join(" ").toLowerCase()).digest().readBigUInt64BE(),
    )
    const found = Array.from({ length: bytes.length / 8 }, (_, at) => bytes.readBigUInt64LE(8 * at))
    expect(found).toEqual([...new Set(oracle)].sort((a, b) => (a < b ? -1 : 1)))
    expect([...values.trained.texts!]).toEqual(found)
  })

  it("are unknown to what was exported, which does not carry them", async () => {
    const model = Export.checkpoint({ trained })
    const { folders, values } = await kept.run({ model, scores: Evaluate.tasks({ trained: model, test }) })
    expect(existsSync(path.join(folders.model, "texts.bin"))).toBe(false)
    expect(values.scores.tasks[0]).not.toHaveProperty("overlap")
    expect(kept.events.flatMap((event) => (event._tag === "noticed" ? [event.message] : []))).toContain(
      "whether the test texts were trained on is unknown: the checkpoint does not say what it was trained on",
    )
  })
})
