import * as Dag from "@thaw/core/Dag"
import type { PipelineInvalid } from "@thaw/core/Errors"
import * as Pipeline from "@thaw/core/Pipeline"
import type * as Wire from "@thaw/core/Wire"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Rates from "@thaw/steps/Rates"
import type { Settings } from "@thaw/steps/training/Settings"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const world = World.make()
afterAll(world.dispose)

const dag = (trained: Wire.Wire<unknown>) => Dag.make(Pipeline.make("x", { seed: 1, outputs: { trained } }))
const phases = (overrides: Corpus.Overrides) =>
  dag(Corpus.trained(overrides))
    .nodes.filter(({ step }) => step.name === "Train.phase")
    .map(({ label, parameters }) => ({ label, settings: parameters as unknown as Settings }))
const refusal = (overrides: Corpus.Overrides): string => {
  try {
    phases(overrides)
  } catch (error) {
    return (error as PipelineInvalid).message
  }
  return "accepted"
}

describe("multi-task training is a chain of phases", () => {
  it("as many as gradual unfreezing has for the encoder's blocks, which are known before it is there", () => {
    expect(phases({ freeze: Freeze.gradual() }).map(({ label }) => label)).toEqual([
      "Train.phase 1, backbone frozen",
      "Train.phase 2, frozen below block 1",
      "Train.phase 3, frozen below block 0",
      "Train.phase 4, nothing frozen",
    ])
  })

  it("none when everything is frozen: the encoder with its new heads is the result", () => {
    const { nodes, outputs } = dag(Corpus.trained({ freeze: Freeze.everything() }))
    expect(nodes.map(({ label }) => label)).toEqual(["Encoder.fromScratch", "Train.heads"])
    expect(outputs["trained"]!.node.label).toBe("Train.heads")
  })

  it("with every setting filled in, so that the key says everything", () => {
    expect(phases({})[0]!.settings).toEqual({
      trains: ["*"],
      rehearse: {},
      length: { epochs: 2 },
      weights: { topic: 1, mood: 1 },
      mix: { _tag: "proportional" },
      draw: "quota",
      batches: "homogeneous",
      classes: {},
      curriculum: {},
      batch: 8,
      accumulate: 1,
      learningRate: { _tag: "constant", base: 1e-2 },
      rates: { decayPerBlock: 1 },
      optimizer: { _tag: "adamW", beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 },
      maxGradientNorm: 1,
      labelSmoothing: {},
      dropout: { hidden: 0, attention: 0, head: 0 },
      watch: [],
      overlap: "refuse",
      cache: { budgetBytes: 2 * 2 ** 30, precision: "fp32" },
      save: { everyMinutes: 5 },
      place: { phase: 1 },
    })
  })

  it("each with what the plan says of it, and the rest of the training step", () => {
    const given = phases({
      freeze: Freeze.phases([
        { train: ["heads"], epochs: 1 },
        { train: ["heads", "block.1"], updates: 5, tasks: ["mood"], learningRate: LearningRate.constant(1e-3) },
        { train: ["*", "!head.mood"], rehearse: { mood: 0.5 }, converged: { minDelta: 0, patience: 1, maxEpochs: 9 } },
      ]),
      labelSmoothing: 0.1,
      dropout: { head: 0.2 },
      earlyStopping: { patience: 2 },
    })
    expect(given.map(({ settings }) => settings)).toMatchObject([
      { trains: ["heads"], length: { epochs: 1 }, watch: [], learningRate: { base: 1e-2 } },
      { tasks: ["mood"], length: { updates: 5 }, watch: ["topic"], learningRate: { base: 1e-3 } },
      { rehearse: { mood: 0.5 }, length: { converged: { maxEpochs: 9 } }, watch: ["mood"] },
    ])
    for (const { settings } of given) {
      expect(settings).toMatchObject({
        labelSmoothing: { topic: 0.1, mood: 0.1 },
        dropout: { hidden: 0, attention: 0, head: 0.2 },
        earlyStopping: { minDelta: 0, patience: 2, tasks: "aggregate", scope: "phase" },
      })
    }
  })
})

describe("rates of single groups", () => {
  const rates = Rates.discriminative({ heads: 1e-3, groups: { "block.0": 1e-5, "head.mood": 2e-3 } })

  it("are told to the phases in which these train", () => {
    const given = phases({ freeze: Freeze.gradual({ embeddings: "frozen" }), rates })
    expect(given.map(({ settings }) => settings.rates.groups)).toEqual([
      { "head.mood": 2e-3 },
      { "head.mood": 2e-3 },
      { "head.mood": 2e-3, "block.0": 1e-5 },
    ])
  })

  it("may be those of adapters, told to the phases that train some", () => {
    const freeze = Freeze.phases([{ freeze: Freeze.lora(), epochs: 1 }, { train: ["*"] }])
    const groups = { "lora.block.1": 2e-3, "block.0": 1e-5 }
    const given = phases({ freeze, rates: { ...Rates.uniform(), groups } })
    expect(given.map(({ settings }) => settings.rates.groups)).toEqual([{ "lora.block.1": 2e-3 }, { "block.0": 1e-5 }])
    expect(refusal({ freeze: Freeze.lora(), rates: { ...Rates.uniform(), groups: { "block.0": 1e-5 } } })).toBe(
      'rates: expected rates of groups that train in some phase, got one of block.0, which is always frozen. Name "lora.block.0", which trains in its place.',
    )
    expect(refusal({ rates: { ...Rates.uniform(), groups: { "lora.block.0": 1e-5 } } })).toBe(
      "rates: expected rates of groups that train in some phase, got one of lora.block.0, which is never there. Take the rate out, or train adapters with Freeze.lora().",
    )
  })

  it("are refused for a group that never trains or is none", () => {
    expect(refusal({ freeze: Freeze.gradual({ stopAtBlock: 1 }), rates })).toBe(
      "rates: expected rates of groups that train in some phase, got one of block.0, which is always frozen. Take the rate out, or let the group train.",
    )
    const misspelt = { ...rates, groups: { "head.mod": 1 } }
    expect(refusal({ rates: misspelt })).toBe(
      'rates: expected rates of groups of the network, got "head.mod". Did you mean "head.mood"?',
    )
  })
})

describe("one learning rate over all phases", () => {
  const learningRateOver = "all"

  it("tells each phase its place", () => {
    const freeze = Freeze.phases([
      { freeze: Freeze.backbone(), epochs: 1 },
      { freeze: Freeze.nothing(), epochs: 3 },
    ])
    expect(phases({ freeze, learningRateOver }).map(({ settings }) => settings.span)).toEqual([
      { before: 0, total: 4 },
      { before: 1, total: 4 },
    ])
  })

  it("needs to know how long they are", () => {
    expect(refusal({ freeze: Freeze.lpft(), learningRateOver })).toContain("got a phase that ends when it converged.")
    const mixed = Freeze.phases([
      { train: ["heads"], updates: 3 },
      { train: ["*"], epochs: 1 },
    ])
    expect(refusal({ freeze: mixed, learningRateOver })).toContain("all epochs or all updates")
  })
})

describe("what contradicts itself is refused before anything runs", () => {
  it.each<[string, Corpus.Overrides, string]>([
    [
      "a pattern that matches nothing",
      { freeze: Freeze.only("block.2") },
      `phase 1, frozen block.2: expected a block of the encoder, 0 to 1, got "!block.2".`,
    ],
    [
      "a task of a phase that does not exist",
      { freeze: Freeze.phases([{ train: ["heads"] }, { train: ["*"], tasks: ["moods"] }]) },
      'phase 2, nothing frozen, tasks: expected tasks that have training examples, got "moods". Did you mean "mood"?',
    ],
    [
      "two lengths",
      { freeze: Freeze.phases([{ train: ["heads"], epochs: 1, updates: 5 }]) },
      "phase 1, backbone frozen: expected one length, got epochs and updates. Leave all but one of them out.",
    ],
    [
      "stopping above the encoder's top",
      { freeze: Freeze.gradual({ stopAtBlock: 2 }) },
      "Freeze.gradual, stopAtBlock: expected a block of the encoder, 0 to 1, got 2.",
    ],
  ])("%s", (_, overrides, sentence) => {
    expect(refusal(overrides)).toContain(sentence)
  })
})

describe("what changes no bit of the result", () => {
  it("reruns nothing: how often a phase is saved, how much is kept; the precision of what is kept does", async () => {
    const trained = (more: Corpus.Overrides = {}) => ({
      trained: Corpus.trained({ epochs: 0.3, freeze: Freeze.backbone(), ...more }),
    })
    const first = await world.run(trained())
    const again = await world.run(trained({ save: { everyUpdates: 1 }, cache: { budgetBytes: 0 } }))
    expect(again.steps["Train.phase 1, backbone frozen"]).toBe("cached")
    expect(again.hashes).toEqual(first.hashes)
    const rounded = await world.run(trained({ cache: { precision: "fp16" } }))
    expect(rounded.steps["Train.phase 1, backbone frozen"]).toBe("ran")
  })
})

describe("a head that never trained", () => {
  it("is not evaluated, but said", async () => {
    const trained = Corpus.trained({ freeze: Freeze.phases([{ train: ["head.topic"], epochs: 0.1 }]) })
    const test = { topic: Corpus.small.test, mood: Corpus.small.test }
    const error = await world.failure({ scores: Evaluate.tasks({ trained, test }) })
    expect([error.tag, error.problem]).toEqual([
      "PipelineInvalid",
      "Evaluate.tasks, task mood: expected head.mood to have trained, got a head of random numbers, which never had an update. Let it train, e.g. with Freeze.backbone(). For an encoder as it is, use Evaluate.zeroShot, or fit a classifier on Encode's features.",
    ])
    const { values } = await world.run({ scores: Evaluate.tasks({ trained, test: { topic: Corpus.small.test } }) })
    expect(values.scores.tasks.map(({ task }) => task)).toEqual(["topic"])
  })
})
