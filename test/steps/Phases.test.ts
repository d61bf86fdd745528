import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Train from "@thaw/steps/Train"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

describe("a chain of phases", () => {
  const chain = (...epochs: ReadonlyArray<number>) =>
    Corpus.trained({
      freeze: Freeze.phases(
        epochs.map((each, at) => ({ freeze: at === 0 ? Freeze.backbone() : Freeze.belowBlock(1), epochs: each })),
      ),
    })

  it("reruns a changed phase and later ones only, and no earlier one when phases are added", async () => {
    await world.run({ trained: chain(1, 1) })
    const phasesOf = (steps: Readonly<Record<string, string>>) =>
      Object.entries(steps).filter(([label]) => label.startsWith("Train.phase"))
    expect(phasesOf((await world.run({ trained: chain(1, 2) })).steps)).toEqual([
      ["Train.phase 1, backbone frozen", "cached"],
      ["Train.phase 2, frozen below block 1", "ran"],
    ])
    expect(phasesOf((await world.run({ trained: chain(1, 1, 1) })).steps)).toEqual([
      ["Train.phase 1, backbone frozen", "cached"],
      ["Train.phase 2, frozen below block 1", "cached"],
      ["Train.phase 3, frozen below block 1", "ran"],
    ])
  })

  it("may be written out, with an evaluation in between", async () => {
    const first = Train.phase({ checkpoint: Corpus.started, ...Corpus.alone(["heads"], 1) })
    const between = Evaluate.tasks({ trained: first, test: { topic: Corpus.small.test } })
    const second = Train.phase({ checkpoint: first, ...Corpus.alone(["*"], 1, 2) })
    const { values } = await world.run({ between, second })
    expect(values.between.tasks.map(({ task, examples }) => [task, examples])).toEqual([["topic", 9]])
    expect(values.second.training.history).toHaveLength(2)
  })
})

describe("what cannot be trained", () => {
  const failureOf = async (overrides: Corpus.Overrides) => {
    const error = await world.failure({ trained: Corpus.trained(overrides) })
    return [error.step, error.tag, error.problem]
  }
  const topic = Corpus.tasks.topic

  it("is a label that only validation has", async () => {
    const [first, ...others] = Corpus.rows(9, "text", "h")
    const odd = Corpus.parts({
      train: Corpus.rows(24, "text", "t"),
      heldOut: [{ ...first!, labels: { topic: "plant" } }, ...others],
    })
    const tasks = { topic: { ...topic, validation: odd.validation } }
    expect(await failureOf({ tasks })).toEqual([
      "Train.phase 1, nothing frozen",
      "InvalidData",
      'Train.phase 1, nothing frozen, validation, task topic, example h0: expected a label that occurs in training: "animal", "tool", got "plant". Give the training part an example of it, or leave such examples out.',
    ])
  })

  it("is a head of the wrong kind", async () => {
    expect(await failureOf({ tasks: { topic: { ...topic, head: Head.tokenClassification() } } })).toEqual([
      "Train.heads",
      "PipelineInvalid",
      "Train.heads, task topic: expected Head.classification() for labels, got a head of kind tokenClassification.",
    ])
  })

  it("is a task that its data has no labels for", async () => {
    expect(await failureOf({ tasks: { topics: topic } })).toEqual([
      "Train.heads",
      "InvalidData",
      'Train.heads, task topics: expected examples with labels for task "topics", got examples with labels for "topic", "mood". Did you mean "topic"?',
    ])
  })

  it("is a block that the encoder does not have", async () => {
    await expect(failureOf({ freeze: Freeze.belowBlock(7) })).rejects.toMatchObject({
      _tag: "PipelineInvalid",
      message: `phase 1, frozen below block 7: expected a block of the encoder, 0 to 1, got "block.7+". To freeze every block, use Freeze.backbone().`,
    })
  })

  it("is a rate at which the loss is no number", async () => {
    const [, tag, problem] = await failureOf({ learningRate: LearningRate.constant(1e30) })
    expect(tag).toBe("InvalidData")
    expect(problem).toMatch(
      /^Train\.phase 1, nothing frozen, update \d: expected a finite loss, got (NaN|Infinity)\. Lower the learning rate/,
    )
  })
})

describe("limits", () => {
  it("cut examples where the encoder's positions end, whatever the phase asks for", async () => {
    const long = Corpus.rows(24, "text", "t").map((row) => ({ ...row, text: `${row.text} and`.repeat(20) }))
    const parts = Corpus.parts({ train: long, heldOut: Corpus.rows(9, "text", "h") })
    const tasks = { topic: { head: Corpus.head, train: parts.train, validation: parts.validation } }
    const { hashes } = await world.run({
      beyond: Corpus.trained({ tasks, maxTokens: 5000, epochs: 1 }),
      without: Corpus.trained({ tasks, epochs: 1 }),
      fewer: Corpus.trained({ tasks, maxTokens: 8, epochs: 1 }),
    })
    expect(hashes.beyond).toBe(hashes.without)
    expect(hashes.fewer).not.toBe(hashes.without)
  })
})
