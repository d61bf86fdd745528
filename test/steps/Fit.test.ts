import * as Dataset from "@thaw/core/Dataset"
import * as Encoder from "@thaw/models/Encoder"
import * as Encode from "@thaw/steps/Encode"
import * as Fit from "@thaw/steps/Fit"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const parts = Corpus.parts({ train: Corpus.rows(60, "text", "t"), heldOut: Corpus.rows(30, "text", "h") })
const encoder = Corpus.encoder(parts.train)
const given = { encoder, groups: ["*"], pooling: "mean" } as const
const features = Encode.trainFeatures({ ...given, examples: parts.train })
const test = Encode.heldOutFeatures({ ...given, examples: parts.test })

const failureOf = async (outputs: Parameters<typeof world.failure>[0]) => {
  const { tag, problem } = await world.failure(outputs)
  return [tag, problem]
}

describe("a classifier on features", () => {
  it("is of the topmost group unless another is named, and of the examples that carry the label", async () => {
    const { values } = await world.run({
      topic: Fit.logisticRegression({ features, task: "topic" }),
      mood: Fit.logisticRegression({ features, task: "mood", group: "embeddings", l2: 0.1 }),
    })
    expect(values.topic).toMatchObject({ task: "topic", group: "block.1", l2: 1, examples: 60, converged: true })
    expect(values.topic.labels).toEqual(["animal", "tool"])
    expect(values.mood).toMatchObject({ group: "embeddings", l2: 0.1, examples: 20, labels: ["bad", "good"] })
    expect(values.mood.encoder).toBe(values.topic.encoder)
  })

  it("answers words it has seen: beats the most frequent label, and is told as an event", async () => {
    const before = world.events.length
    const classifier = Fit.logisticRegression({ features, task: "topic", group: "embeddings", l2: 1e-3 })
    const { values } = await world.run({ scores: Fit.evaluate({ classifier, test }) })
    const [topic] = values.scores.tasks
    expect(topic).toMatchObject({ task: "topic", head: "classification", examples: 30, majority: { accuracy: 0.5 } })
    expect(topic!.metrics["accuracy"]).toBeGreaterThan(0.9)
    expect(topic!.metrics["loss"]).toBeLessThan(Math.log(2))
    const told = world.events.slice(before).flatMap((event) => (event._tag === "evaluated" ? [event] : []))
    expect(told).toEqual([
      { _tag: "evaluated", step: "Fit.evaluate", phase: null, task: "topic", split: "test", metrics: topic!.metrics },
    ])
  })

  it("has the same bytes again", async () => {
    const outputs = { classifier: Fit.logisticRegression({ features, task: "topic" }) }
    const other = World.make()
    expect((await other.run(outputs)).hashes).toEqual((await world.run(outputs)).hashes)
    await other.dispose()
  })

  it("says so when it has not converged", async () => {
    const before = world.events.length
    const classifier = Fit.logisticRegression({ features, task: "topic", l2: 1e-6, maxIterations: 2 })
    const { values } = await world.run({ classifier })
    expect(values.classifier).toMatchObject({ converged: false, iterations: 2 })
    const notices = world.events.slice(before).flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    expect(notices).toEqual(["not converged after 2 iterations; a larger l2 or tolerance converges sooner."])
  })
})

describe("the best of classifiers", () => {
  const weak = Fit.logisticRegression({ features, task: "topic", group: "embeddings", l2: 1e6 })
  const strong = Fit.logisticRegression({ features, task: "topic", group: "embeddings", l2: 1e-3 })

  it("answers most validation examples right, and is told as an event", async () => {
    const before = world.events.length
    const { values } = await world.run({
      strong,
      best: Fit.best({ classifiers: { a: weak, b: strong }, validation: test }),
      scores: Fit.evaluate({ classifier: strong, test }),
      others: Fit.evaluate({ classifier: weak, test }),
    })
    const accuracy = (scores: typeof values.scores) => scores.tasks[0]!.metrics["accuracy"]!
    expect(accuracy(values.scores)).toBeGreaterThan(accuracy(values.others))
    expect(values.best).toEqual(values.strong)
    const told = world.events.slice(before).flatMap((event) => (event._tag === "evaluated" ? [event] : []))
    expect(told.filter(({ step }) => step === "Fit.best")).toEqual([
      {
        _tag: "evaluated",
        step: "Fit.best",
        phase: null,
        task: "topic",
        split: "validation",
        metrics: values.scores.tasks[0]!.metrics,
      },
    ])
  })

  it("is of equals the one that comes first by name", async () => {
    const other = Fit.logisticRegression({ features, task: "topic", group: "embeddings", l2: 1.1e-3 })
    const best = (classifiers: Parameters<typeof Fit.best>[0]["classifiers"]) =>
      Fit.best({ classifiers, validation: test })
    const { values } = await world.run({
      one: best({ b: other, a: strong }),
      two: best({ a: other, b: strong }),
      scores: Fit.evaluate({ classifier: strong, test }),
      others: Fit.evaluate({ classifier: other, test }),
    })
    expect(values.scores.tasks[0]!.metrics["accuracy"]).toBe(values.others.tasks[0]!.metrics["accuracy"])
    expect([values.one.l2, values.two.l2]).toEqual([1e-3, 1.1e-3])
  })

  it("is refused of several tasks, of none, and where it cannot be scored", async () => {
    const mood = Fit.logisticRegression({ features, task: "mood" })
    const refusal = async (classifiers: Parameters<typeof Fit.best>[0]["classifiers"]) =>
      (await failureOf({ x: Fit.best({ classifiers, validation: test }) }))[1]
    expect(await refusal({ strong, mood })).toBe(
      'Fit.best, classifiers: expected classifiers of one task, got classifiers of "mood", "topic".',
    )
    expect(await refusal({})).toBe("Fit.best, classifiers: expected classifiers of one task, got none.")
    const cls = Encode.trainFeatures({ ...given, pooling: "cls", examples: parts.train })
    const pooled = Fit.logisticRegression({ features: cls, task: "topic" })
    expect(await refusal({ pooled })).toContain("Fit.best, pooled: expected features of the encoder")
  })
})

describe("what cannot be fitted or evaluated", () => {
  it("is a group that was not encoded", async () => {
    const top = Encode.trainFeatures({ encoder, pooling: "mean", examples: parts.train })
    expect(await failureOf({ x: Fit.logisticRegression({ features: top, task: "topic", group: "block.0" }) })).toEqual([
      "InvalidData",
      'Fit.logisticRegression, group: expected a group that was encoded: "block.1", got "block.0". Did you mean "block.1"?',
    ])
  })

  it("is a task that the examples have no labels for", async () => {
    const [tag, problem] = await failureOf({ x: Fit.logisticRegression({ features, task: "topics" }) })
    expect([tag, problem?.includes('Did you mean "topic"?')]).toEqual(["InvalidData", true])
  })

  it("is a task with one label", async () => {
    const same = Dataset.filter(parts.train, ({ labels }) => labels["topic"] === "tool")
    const one = Encode.trainFeatures({ encoder, pooling: "mean", examples: same })
    expect(await failureOf({ x: Fit.logisticRegression({ features: one, task: "topic" }) })).toEqual([
      "InvalidData",
      'Fit.logisticRegression, task topic: expected at least two labels, got "tool".',
    ])
  })

  it("is a classifier on features of another pooling, or of another encoder", async () => {
    const classifier = Fit.logisticRegression({ features, task: "topic" })
    const first = Encode.heldOutFeatures({ encoder, examples: parts.test, pooling: "cls" })
    expect((await failureOf({ x: Fit.evaluate({ classifier, test: first }) }))[1]).toBe(
      "Fit.evaluate: expected features of the encoder that the classifier was fitted on, pooled by mean, got features pooled by cls. Encode both parts with the same encoder and pooling.",
    )
    const reseeded = Encoder.fromScratch({
      corpus: parts.train,
      vocabularySize: 120,
      blocks: 2,
      hidden: 16,
      heads: 2,
      seed: 8,
    })
    const other = Encode.heldOutFeatures({ encoder: reseeded, examples: parts.test, pooling: "mean" })
    expect((await failureOf({ x: Fit.evaluate({ classifier, test: other }) }))[1]).toContain(
      "got features of another encoder.",
    )
  })

  it("is a label that it was not fitted on", async () => {
    const [first, ...rest] = Corpus.rows(4, "text", "x")
    const odd = Corpus.parts({ train: [], heldOut: [{ ...first!, labels: { topic: "plant" } }, ...rest] })
    const classifier = Fit.logisticRegression({ features, task: "topic" })
    const strange = Encode.heldOutFeatures({ ...given, examples: odd.test })
    expect((await failureOf({ x: Fit.evaluate({ classifier, test: strange }) }))[1]).toMatch(
      /^Fit.evaluate, task topic, example x0: expected a label that occurs in training: "animal", "tool", got "plant"\./,
    )
  })

  it("is held-out features to fit on: that does not compile", () => {
    const classifier = Fit.logisticRegression({ features, task: "topic" })
    // @ts-expect-error held-out features are not training features
    const fitted = Fit.logisticRegression({ features: test, task: "topic" })
    // @ts-expect-error training features are not held-out features
    const evaluated = Fit.evaluate({ classifier, test: features })
    expect([fitted, evaluated].map(({ call }) => call.step.name)).toEqual(["Fit.logisticRegression", "Fit.evaluate"])
  })
})

describe("test texts that a classifier was fitted on", () => {
  const [leaked] = Corpus.rows(1, "text", "t")
  const others = Corpus.rows(5, "text", "x").slice(1)
  const leaky = Corpus.parts({ train: [], heldOut: [{ ...leaked!, text: leaked!.text!.toUpperCase() }, ...others] })
  const leakyTest = Encode.heldOutFeatures({ ...given, examples: leaky.test })
  const classifier = Fit.logisticRegression({ features, task: "topic", l2: 1e-2 })

  it("are refused, left out or scored, as the author says", async () => {
    expect(await failureOf({ x: Fit.evaluate({ classifier, test: leakyTest }) })).toEqual([
      "InvalidData",
      'Fit.evaluate: expected test texts that nothing was trained on, got 1 of 5 test examples with texts that were, first example t0. Split the data of all tasks together, or pass overlap: "dropFromTest" or overlap: "allow".',
    ])
    const { values } = await world.run({
      allowed: Fit.evaluate({ classifier, test: leakyTest, overlap: "allow" }),
      dropped: Fit.evaluate({ classifier, test: leakyTest, overlap: "dropFromTest" }),
    })
    expect(values.allowed.tasks).toMatchObject([{ examples: 5, overlap: 0.2 }])
    expect(values.dropped.tasks).toMatchObject([{ examples: 4, overlap: 0 }])
  })
})
