import * as Dataset from "@thaw/core/Dataset"
import * as Encode from "@thaw/steps/Encode"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Features from "@thaw/steps/Features"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const encoder = Corpus.encoder()
const { test } = Corpus.small
const descriptions = { animal: "a cat, dog, horse or bird", tool: "a hammer, saw, drill or wrench" }
const told = { encoder, test, task: "topic", descriptions, pooling: "mean" } as const

describe("labels by description", () => {
  it("are those of the description with the nearest direction", async () => {
    const asExamples = Object.entries(descriptions).map(([id, text]) => ({
      id,
      origin: id,
      text,
      labels: {},
      tags: {},
    }))
    const described = Corpus.parts({ train: asExamples, heldOut: [] }).train
    const { values } = await world.run({
      scores: Evaluate.zeroShot(told),
      texts: Encode.heldOutFeatures({ encoder, examples: test, pooling: "mean" }),
      labels: Encode.trainFeatures({ encoder, examples: described, pooling: "mean" }),
    })
    const vectors = (features: Features.Features) => {
      const found = Effect.runSync(Features.matrix(features, "block.1", "test"))
      return Array.from({ length: found.examples }, (_, at) => [...Features.vector(found, at)])
    }
    const unit = (vector: ReadonlyArray<number>) => vector.map((each) => each / Math.hypot(...vector))
    const dot = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) =>
      a.reduce((sum, each, at) => sum + each * b[at]!, 0)
    const [animal, tool] = vectors(values.labels).map(unit)
    const right = [...Dataset.rowsOf(test)].filter((row, at) => {
      const vector = unit(vectors(values.texts)[at]!)
      return row.labels["topic"] === (dot(vector, animal!) >= dot(vector, tool!) ? "animal" : "tool")
    })
    const [topic] = values.scores.tasks
    expect(topic).toMatchObject({ task: "topic", examples: 9, metrics: { accuracy: right.length / 9 } })
    expect(topic!.metrics).not.toHaveProperty("loss")
  })

  it("are all right where a description is the text itself, and only examples with a label count", async () => {
    const [first, second, third] = Corpus.rows(3, "text", "x")
    const own = Corpus.parts({ train: [], heldOut: [first!, second!, { ...third!, labels: { mood: "good" } }] })
    const { values } = await world.run({
      scores: Evaluate.zeroShot({
        ...told,
        test: own.test,
        descriptions: { animal: first!.text!, tool: second!.text! },
      }),
    })
    expect(values.scores.tasks[0]).toMatchObject({ examples: 2, metrics: { accuracy: 1, macroF1: 1 } })
  })

  it("need a description of every label, and at least two", async () => {
    const failure = async (given: Readonly<Record<string, string>>) =>
      (await world.failure({ x: Evaluate.zeroShot({ ...told, descriptions: given }) })).problem
    expect(await failure({ animal: "a cat" })).toBe(
      'Evaluate.zeroShot, descriptions: expected descriptions of at least two labels, got "animal".',
    )
    expect(await failure({ animal: "a cat", plant: "a tree" })).toBe(
      'Evaluate.zeroShot, task topic, example h1: expected a label that has a description: "animal", "plant", got "tool". Describe every label that occurs.',
    )
  })
})
