import * as Dag from "@thaw/core/Dag"
import type { PipelineInvalid } from "@thaw/core/Errors"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import type * as Batch from "@thaw/steps/Batch"
import * as Freeze from "@thaw/steps/Freeze"
import * as Sample from "@thaw/steps/Sample"
import type { ClassWeights } from "@thaw/steps/sample/ClassWeights"
import * as LossOptions from "@thaw/steps/training/LossOptions"
import type { Settings } from "@thaw/steps/training/Settings"
import * as Train from "@thaw/steps/Train"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "../corpus.ts"
import * as Kinds from "../kinds.ts"
import * as World from "../world.ts"

const world = World.make()
afterAll(world.dispose)

const parts = Kinds.parts(24, 12)
const trained = (options: Corpus.Overrides) =>
  Train.multiTask({
    encoder: Corpus.encoder(parts.train),
    tasks: { ...Kinds.tasks(parts), words: { head: Head.maskedTokens(), ...parts } },
    learningRate: LearningRate.constant(1e-2),
    epochs: 1,
    batch: 8,
    ...options,
  })
const settingsOf = (options: Corpus.Overrides) =>
  Dag.make(Pipeline.make("x", { seed: 1, outputs: { trained: trained(options) } })).nodes.flatMap(
    ({ step, parameters }) => (step.name === "Train.phase" ? [parameters as unknown as Settings] : []),
  )
const refusal = (options: Corpus.Overrides): string => {
  try {
    settingsOf(options)
  } catch (error) {
    return (error as PipelineInvalid).message
  }
  return "accepted"
}

describe("what is asked of a loss", () => {
  it.each<[Corpus.Overrides, string]>([
    [
      { labelSmoothing: { stars: 0.1 } },
      'phase 1, nothing frozen, labelSmoothing: expected tasks of one label an example, tags, hidden tokens, got "stars", a task of numbers. Leave it out.',
    ],
    [
      { labelSmoothing: { topic: 0.1, emotions: 0.1 } },
      'phase 1, nothing frozen, labelSmoothing: expected tasks of one label an example, tags, hidden tokens, got "emotions", a task of several labels an example. Leave it out.',
    ],
    [
      { classWeights: { stars: Sample.inverseFrequency() } },
      'phase 1, nothing frozen, classWeights: expected tasks of one label an example, tags, several labels an example, got "stars", a task of numbers. Leave it out.',
    ],
    [
      { classWeights: { words: Sample.inverseFrequency() } },
      'phase 1, nothing frozen, classWeights: expected tasks of one label an example, tags, several labels an example, got "words", a task of hidden tokens. Leave it out.',
    ],
  ])("is refused where it has no meaning, before anything runs: %j", (options, message) => {
    expect(refusal(options)).toBe(message)
  })

  it("is taken where it has one, and smoothing of every task goes to those that know it", () => {
    const [settings] = settingsOf({ labelSmoothing: 0.1, classWeights: { emotions: Sample.inverseFrequency() } })
    expect(settings!.labelSmoothing).toEqual({ topic: 0.1, words: 0.1 })
  })

  it("may be asked of a task that a phase does not draw", () => {
    const freeze = Freeze.phases([{ train: ["heads"], epochs: 1, tasks: ["topic"] }])
    expect(refusal({ freeze, classWeights: { stars: Sample.inverseFrequency() } })).toBe("accepted")
  })

  it("is refused by the phase itself where no chain has looked at it", async () => {
    const { stars } = Kinds.tasks(parts)
    const data = { train: { stars: stars.train }, validation: { stars: stars.validation } }
    const checkpoint = Train.heads({
      checkpoint: Corpus.encoder(parts.train),
      heads: { stars: stars.head },
      train: data.train,
    })
    const told = Train.settings({
      trains: ["heads"],
      learningRate: LearningRate.constant(1),
      labelSmoothing: { stars: 0.1 },
    })
    const problem = await world.failure({ trained: Train.phase({ checkpoint, ...data, ...told }) })
    expect((problem as Error).message).toContain(
      'labelSmoothing: expected tasks of one label an example, tags, hidden tokens, got "stars", a task of numbers.',
    )
  })

  it.each([
    ["emotions", "several labels an example"],
    ["stars", "numbers"],
  ])("cannot be classes that are drawn evenly: %s", async (task, form) => {
    const tasks = { [task]: Kinds.tasks(parts)[task as "stars"] }
    const problem = await world.failure({ trained: trained({ tasks, classes: { [task]: Sample.oversample() } }) })
    expect((problem as Error).message).toContain(
      `classes: expected a classification task, whose examples have one class each, got one with ${form}.`,
    )
  })
})

describe("weights of labels of several", () => {
  const encoding = { ids: new Int32Array(1), typeIds: new Int32Array(1), words: new Int32Array(1) }
  const sets = [[0], [0, 1], [0], [0, 1], [0], [], [], []]
  const examples = sets.map((own, at): Batch.EncodedExample => ({
    id: String(at),
    encoding,
    classes: {},
    tags: {},
    classSets: { moods: own },
  }))
  const heads: Batch.Heads = {
    moods: { kind: "multiLabel", pooling: "cls", threshold: 0.5, labels: ["often", "seldom", "never"] },
  }
  const weights = (by: ClassWeights) =>
    LossOptions.classWeightsOf({ moods: by }, heads, [{ task: "moods", size: 8, rate: 1, examples }])["moods"]!

  it("are by inverse frequency how many examples lack the label for each that has it", () => {
    const [often, seldom, never] = weights(Sample.inverseFrequency())
    expect(often).toBeCloseTo(3 / 5, 12)
    expect(seldom).toBeCloseTo(6 / 2, 12)
    // Nothing is known of it.
    expect(never).toBe(1)
  })

  it("are by effective number between that and none", () => {
    const effective = (count: number) => (1 - 0.9 ** count) / (1 - 0.9)
    const [often, seldom] = weights(Sample.effectiveNumber({ beta: 0.9 }))
    expect(often).toBeCloseTo(effective(3) / effective(5), 12)
    expect(seldom).toBeCloseTo(effective(6) / effective(2), 12)
    expect(weights(Sample.effectiveNumber({ beta: 0 }))).toEqual([1, 1, 1])
  })
})
