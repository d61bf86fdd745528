import * as LearningRate from "@thaw/models/LearningRate"
import * as Rates from "@thaw/steps/Rates"
import * as Train from "@thaw/steps/Train"
import * as Roles from "@thaw/steps/freeze/Roles"
import type { Settings } from "@thaw/steps/training/Settings"
import { describe, expect, it } from "vitest"

const world: Roles.World = {
  blocks: 2,
  tasks: ["topic", "mood"],
  heads: ["topic", "mood"],
  scored: ["topic", "mood"],
  updates: {},
}

const roles = (settings: Partial<Settings> & Pick<Settings, "trains">, more: Partial<Roles.World> = {}) =>
  Roles.of(Train.settings({ learningRate: LearningRate.constant(1e-4), ...settings }), { ...world, ...more }, "phase 1")

describe("who trains and who is drawn", () => {
  it("is every group that the patterns match, and the tasks of heads that train", () => {
    expect(roles({ trains: ["block.1+", "heads"] })).toEqual({
      trainable: ["block.1", "head.mood", "head.topic"],
      drawn: ["mood", "topic"],
      rehearsed: [],
      encoderMoves: true,
      atRisk: [],
      remarks: [],
    })
    expect(roles({ trains: ["heads"] })).toMatchObject({ encoderMoves: false, drawn: ["mood", "topic"] })
  })

  it("are the heads of the tasks that the phase names, where it names some", () => {
    const named = roles({ trains: ["heads", "block.1"], tasks: ["mood"] })
    expect([named.trainable, named.drawn]).toEqual([["block.1", "head.mood"], ["mood"]])
    expect(roles({ trains: ["*"], tasks: ["topic"] }).trainable).toEqual([
      "embeddings",
      "block.0",
      "block.1",
      "head.topic",
    ])
  })

  it("are not tasks with a frozen head, unless they are rehearsed", () => {
    expect(roles({ trains: ["*", "!head.mood"] }).drawn).toEqual(["topic"])
    const rehearsing = roles({ trains: ["*", "!head.mood"], rehearse: { mood: 0.25 } })
    expect([rehearsing.drawn, rehearsing.rehearsed]).toEqual([["topic"], [{ task: "mood", rate: 0.25 }]])
    expect(roles({ trains: ["blocks"], rehearse: { mood: 1 } }).drawn).toEqual([])
  })

  it("counts adapters as a moving encoder", () => {
    const lora = { rank: 2, alpha: 4, dropout: 0, targets: ["query"] as const }
    expect(roles({ trains: ["heads"], lora })).toMatchObject({
      encoderMoves: true,
      trainable: ["head.mood", "head.topic"],
    })
  })
})

describe("a head that trained and is frozen now", () => {
  const updates = { "head.mood": 20 }

  it("is at risk over a moving encoder, and it is said who watches it", () => {
    expect(roles({ trains: ["*", "!head.mood"] }, { updates })).toMatchObject({
      atRisk: ["mood"],
      remarks: [
        {
          risky: true,
          message:
            "head.mood was trained and is frozen while the encoder moves below it: it will read vectors that it was not trained on. Its validation score is taken at the end of every phase.",
        },
      ],
    })
    const unwatched = roles({ trains: ["*", "!head.mood"] }, { updates, scored: ["topic"] })
    expect(unwatched.remarks[0]!.message).toContain("Nothing watches it")
  })

  it("is safe over a frozen encoder, which is said too", () => {
    expect(roles({ trains: ["head.topic"] }, { updates })).toMatchObject({
      atRisk: [],
      remarks: [
        {
          risky: false,
          message: "head.mood is frozen over a frozen encoder: its answers stay the same to the last bit.",
        },
      ],
    })
  })

  it("is held by rehearsal", () => {
    const { remarks } = roles({ trains: ["*", "!head.mood"], rehearse: { mood: 1 } }, { updates })
    expect(remarks).toMatchObject([{ risky: false }])
  })

  it("is nothing to speak of before it trained, and is seen also where its task has no data here", () => {
    expect(roles({ trains: ["*", "!head.mood"] }).remarks).toEqual([])
    const other = { heads: ["topic", "mood", "old"], updates: { "head.old": 3 } }
    expect(roles({ trains: ["*"] }, other).atRisk).toEqual(["old"])
  })
})

describe("what contradicts itself is refused", () => {
  it.each<[string, Partial<Settings> & Pick<Settings, "trains">, string]>([
    [
      "a phase in which nothing trains",
      { trains: [] },
      "phase 1: expected something that trains, got a phase in which everything is frozen. A plan in which nothing trains is Freeze.everything(): it has no phases.",
    ],
    ["all of it excluded", { trains: ["heads", "!heads"] }, "expected something that trains"],
    [
      "a task that does not exist",
      { trains: ["heads"], tasks: ["mod"] },
      'phase 1, tasks: expected tasks that have training examples, got "mod". Did you mean "mood"?',
    ],
    [
      "a weight of a task that does not exist",
      { trains: ["heads"], weights: { tpic: 2 } },
      'weights: expected tasks that have training examples, got "tpic". Did you mean "topic"?',
    ],
    [
      "a task drawn whose head is frozen",
      { trains: ["head.topic", "block.1"], tasks: ["topic", "mood"] },
      `phase 1: expected a head that trains for task "mood", which is drawn, got head.mood frozen. Draw it with rehearse: { mood: 1 } to hold the encoder in place, or add "head.mood" to train.`,
    ],
    [
      "a head that trains whose task is not drawn",
      { trains: ["head.topic", "head.mood"], tasks: ["topic"] },
      "phase 1: expected head.mood to be frozen, since task mood is not drawn, got a head that trains.",
    ],
    [
      "no task to draw",
      { trains: ["block.1"] },
      'expected a task to draw, got frozen heads only, while "block.1" would train.',
    ],
    [
      "rehearsing a head that trains",
      { trains: ["*"], rehearse: { mood: 1 } },
      'rehearse: expected a task with a frozen head, got "mood", whose head trains.',
    ],
    [
      "rehearsing over a frozen encoder",
      { trains: ["head.topic"], rehearse: { mood: 1 } },
      "rehearse: expected an encoder that moves",
    ],
    [
      "a rate for a frozen group",
      { trains: ["heads"], rates: { ...Rates.uniform(), groups: { "block.1": 1e-5 } } },
      "phase 1, rates: expected rates of groups that train, got one of block.1, which is frozen. Take the rate out, or let the group train.",
    ],
    [
      "a rate for a group that does not exist",
      { trains: ["*"], rates: { ...Rates.uniform(), groups: { "block.11": 1e-5 } } },
      'rates: expected rates of groups of the network, got "block.11". Did you mean "block.1"',
    ],
    [
      "a rate for a block under adapters",
      {
        trains: ["heads"],
        lora: { rank: 2, alpha: 4, dropout: 0, targets: ["query"] },
        rates: { ...Rates.uniform(), groups: { "block.1": 1e-5 } },
      },
      'rates of groups that train, got one of block.1, which is frozen. Name "lora.block.1", which trains in its place.',
    ],
    [
      "a rate for adapters where there are none",
      { trains: ["*"], rates: { ...Rates.uniform(), groups: { "lora.block.1": 1e-5 } } },
      "got one of lora.block.1, which is not there. Take the rate out, or train adapters with Freeze.lora().",
    ],
    [
      "a rate for adapters that cannot be",
      {
        trains: ["heads"],
        lora: { rank: 2, alpha: 4, dropout: 0, targets: ["query"] },
        rates: { ...Rates.uniform(), groups: { "lora.block.7": 1e-5 } },
      },
      'rates of groups of the network, got "lora.block.7". Did you mean "lora.block.0"',
    ],
    [
      "a rate for heads that are frozen",
      { trains: ["blocks"], rehearse: { mood: 1 }, rates: { decayPerBlock: 1, heads: 1e-3 } },
      "got one of the heads, which are frozen.",
    ],
    [
      "a bound on a task without validation",
      { trains: ["heads"], noWorseThan: { tolerance: 0, tasks: ["mod"] } },
      'phase 1, noWorseThan: expected tasks that have validation examples, got "mod". Did you mean "mood"?',
    ],
    [
      "blocks beside adapters",
      { trains: ["heads", "block.1"], lora: { rank: 2, alpha: 4, dropout: 0, targets: ["query"] } },
      'expected heads only to train beside adapters, which stand for the encoder\'s own weights, got "block.1". Write train: ["heads"], or leave out lora.',
    ],
    [
      "a pattern that matches nothing",
      { trains: ["heads", "blck.1"] },
      'phase 1: expected patterns that match groups of the network, got "blck.1". Did you mean "block.1"',
    ],
  ])("%s", (_, settings, sentence) => {
    expect(() => roles(settings)).toThrow(sentence)
  })
})
