import * as Head from "@thaw/models/Head"
import * as Evaluate from "@thaw/steps/Evaluate"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

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
