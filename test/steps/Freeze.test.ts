import { PipelineInvalid } from "@thaw/core/Errors"
import * as Freeze from "@thaw/steps/Freeze"
import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const encode = Schema.encodeUnknownSync(Freeze.FreezePlan)
const trains = (plan: Freeze.FreezePlan, blocks?: number) => Freeze.written(plan, blocks).map(({ train }) => train)

describe("plans of one phase", () => {
  it.each([
    ["nothing frozen", Freeze.nothing(), ["embeddings", "block.0", "block.1", "block.2", "head.mood", "head.topic"]],
    ["backbone frozen", Freeze.backbone(), ["head.mood", "head.topic"]],
    ["frozen below block 2", Freeze.belowBlock(2), ["block.2", "head.mood", "head.topic"]],
    ["frozen below block 0", Freeze.belowBlock(0), ["block.0", "block.1", "block.2", "head.mood", "head.topic"]],
    ["frozen head.mood", Freeze.head("mood"), ["embeddings", "block.0", "block.1", "block.2", "head.topic"]],
    [
      "frozen embeddings, block.1",
      Freeze.only("embeddings", "block.1"),
      ["block.0", "block.2", "head.mood", "head.topic"],
    ],
    ["backbone frozen", Freeze.lora(), ["head.mood", "head.topic"]],
  ])("%s", (words, plan, groups) => {
    const phases = Freeze.written(plan, undefined)
    expect(phases.map(({ train }) => Freeze.describe(train))).toEqual([words])
    expect(Freeze.groups(phases[0]!.train, 3, ["topic", "mood"])).toEqual(groups)
  })

  it("of no phase: everything frozen", () => {
    expect(Freeze.written(Freeze.everything(), 3)).toEqual([])
  })

  it("refuse a block that cannot be one", () => {
    for (const block of [-1, 1.5, Number.NaN]) expect(() => Freeze.belowBlock(block)).toThrow(PipelineInvalid)
  })
})

describe("patterns", () => {
  const groups = (...patterns: ReadonlyArray<string>) => Freeze.groups(patterns, 4, ["topic", "mood", "tone"]).join(" ")

  it.each([
    [["embeddings"], "embeddings"],
    [["block.1"], "block.1"],
    [["block.-1"], "block.3"],
    [["block.-4"], "block.0"],
    [["block.2+"], "block.2 block.3"],
    [["block.-2+"], "block.2 block.3"],
    [["blocks"], "block.0 block.1 block.2 block.3"],
    [["heads"], "head.mood head.tone head.topic"],
    [["head.t*"], "head.tone head.topic"],
    [["block.3", "heads", "block.3+"], "block.3 head.mood head.tone head.topic"],
    [["heads", "!head.mood"], "head.tone head.topic"],
    [["!block.1+", "*"], "embeddings block.0 head.mood head.tone head.topic"],
  ])("%j match, bottom to top, %s", (patterns, expected) => {
    expect(groups(...patterns)).toBe(expected)
  })

  it.each([
    [
      "block.4",
      `freeze plan: expected a block of the encoder, 0 to 3, got "block.4". To freeze every block, use Freeze.backbone().`,
    ],
    ["block.4+", `expected a block of the encoder, 0 to 3, got "block.4+".`],
    ["block.-5+", `expected a block of the encoder, 0 to 3, got "block.-5+".`],
    [
      "head.topics",
      `freeze plan: expected patterns that match groups of the network, got "head.topics". Did you mean "head.topic"?`,
    ],
    ["embedding", `Did you mean "embeddings"?`],
    ["!head.mod", `Did you mean "head.mood"`],
    ["layer.1", `got "layer.1". Known are "embeddings", "block.0"`],
    ["HEADS", `Did you mean "heads"?`],
    ["head.x*", `got "head.x*".`],
    ["block.", `got "block.".`],
  ])("that match nothing are refused, nearest names first: %s", (pattern, sentence) => {
    expect(() => groups("heads", pattern)).toThrow(sentence)
  })

  it("with a negative block count from the top, whatever the encoder", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 48 }), fc.nat(47), (blocks, below) => {
        fc.pre(below < blocks)
        const named = Freeze.groups([`block.${-1 - below}+`], blocks, [])
        expect(named).toEqual(Freeze.groups([`block.${blocks - 1 - below}+`], blocks, []))
        expect(named).toHaveLength(below + 1)
      }),
    )
  })

  it("take letters of a task's name as they are", () => {
    expect(Freeze.groups(["head.a.b"], 1, ["a.b", "axb"])).toEqual(["head.a.b"])
    expect(Freeze.groups(["head.(a"], 1, ["(a"])).toEqual(["head.(a"])
  })
})

describe("gradual unfreezing", () => {
  it("goes from the heads down, one group a phase, embeddings last", () => {
    expect(Freeze.written(Freeze.gradual(), 3)).toEqual([
      { train: ["heads"], epochs: 1 },
      { train: ["block.2+", "heads"], epochs: 1 },
      { train: ["block.1+", "heads"], epochs: 1 },
      { train: ["block.0+", "heads"], epochs: 1 },
      { train: ["*"], epochs: 1 },
    ])
  })

  it.each([
    [
      { embeddings: "frozen" as const },
      [["heads"], ["block.2+", "heads"], ["block.1+", "heads"], ["block.0+", "heads"]],
    ],
    [{ stopAtBlock: 1 }, [["heads"], ["block.2+", "heads"], ["block.1+", "heads"]]],
    [{ blocksPerPhase: 2 }, [["heads"], ["block.1+", "heads"], ["*"]]],
    [{ blocksPerPhase: 2, embeddings: "frozen" as const }, [["heads"], ["block.1+", "heads"], ["block.0+", "heads"]]],
    [{ blocksPerPhase: 9 }, [["heads"], ["*"]]],
  ])("with %j", (options, expected) => {
    expect(trains(Freeze.gradual(options), 3)).toEqual(expected)
  })

  it("adds groups only, in every phase, and ends where it was told", () => {
    const options = fc.record(
      { blocksPerPhase: fc.integer({ min: 1, max: 5 }), stopAtBlock: fc.nat(11) },
      { requiredKeys: ["blocksPerPhase"] },
    )
    fc.assert(
      fc.property(options, fc.integer({ min: 1, max: 12 }), (given, blocks) => {
        fc.pre((given.stopAtBlock ?? 0) < blocks)
        const phases = trains(Freeze.gradual(given), blocks).map((train) => Freeze.groups(train, blocks, ["a"]))
        phases.slice(1).forEach((groups, at) => {
          expect(groups).toEqual(expect.arrayContaining([...phases[at]!]))
          const more = groups.length - phases[at]!.length
          expect(more).toBeGreaterThan(0)
          expect(more).toBeLessThanOrEqual(given.blocksPerPhase)
        })
        expect(phases.at(-1)![0]).toBe(given.stopAtBlock === undefined ? "embeddings" : `block.${given.stopAtBlock}`)
      }),
    )
  })

  it("may end each phase when it converged", () => {
    const plan = Freeze.gradual({ until: { patience: 3 }, stopAtBlock: 2 })
    expect(Freeze.written(plan, 3)).toEqual([
      { train: ["heads"], converged: { minDelta: 0.001, patience: 3, maxEpochs: 20 } },
      { train: ["block.2+", "heads"], converged: { minDelta: 0.001, patience: 3, maxEpochs: 20 } },
    ])
  })

  it("asks for the number of blocks where nothing tells it, and takes the author's word", () => {
    expect(() => Freeze.written(Freeze.gradual(), undefined)).toThrow(
      "Freeze.gradual, blocks: expected how many blocks the encoder has, which is not known before the step that makes it has run, got nothing. Write Freeze.gradual({ blocks: 6, … }).",
    )
    expect(trains(Freeze.gradual({ blocks: 1 }))).toEqual([["heads"], ["block.0+", "heads"], ["*"]])
    expect(() => trains(Freeze.gradual({ blocks: 2 }), 3)).toThrow("expected 3, as the encoder has, got 2.")
  })

  it.each([
    [
      { stopAtBlock: 1, embeddings: "last" as const },
      `expected "frozen", since the plan stops at block 1, got "last".`,
    ],
    [{ epochsPerPhase: 2, until: "converged" as const }, "expected one length for its phases"],
    [{ blocksPerPhase: 0 }, "blocksPerPhase: expected a whole number from 1, got 0"],
    [{ blocksPerPhase: 1.5 }, "expected a whole number from 1, got 1.5"],
    [{ stopAtBlock: -1 }, "stopAtBlock: expected a whole number from 0, got -1"],
    [{ blocks: 0 }, "blocks: expected a whole number from 1, got 0"],
  ])("refuses what contradicts itself: %j", (options, sentence) => {
    expect(() => Freeze.gradual(options)).toThrow(sentence)
  })

  it("refuses to stop above the topmost block", () => {
    expect(() => trains(Freeze.gradual({ stopAtBlock: 3 }), 3)).toThrow(
      "Freeze.gradual, stopAtBlock: expected a block of the encoder, 0 to 2, got 3. To train the heads only, use Freeze.backbone().",
    )
  })
})

describe("unfreezing while it helps", () => {
  it("is a row of phases that know their places", () => {
    const plan = Freeze.unfreezeUntil({ target: 0.9, metric: "accuracy", stopAtBlock: 1 })
    const until = { target: 0.9, metric: "accuracy", minDelta: 0 }
    expect(Freeze.written(plan, 2)).toEqual([
      { train: ["heads"], epochs: 1, unfreezeUntil: { ...until, position: 1 } },
      { train: ["block.1+", "heads"], epochs: 1, unfreezeUntil: { ...until, position: 2 } },
    ])
    expect(Freeze.written(Freeze.unfreezeUntil({ noGain: true, minDelta: 0.01 }), 1)[2]).toEqual({
      train: ["*"],
      epochs: 1,
      unfreezeUntil: { minDelta: 0.01, position: 3 },
    })
  })

  it("needs one end", () => {
    expect(() => Freeze.unfreezeUntil({})).toThrow("expected one end: a target or noGain, got none.")
    expect(() => Freeze.unfreezeUntil({ target: 1, noGain: true })).toThrow("got both.")
  })
})

describe("lists of phases", () => {
  it("are what presets could be written as", () => {
    for (const plan of [
      Freeze.gradual({ until: "converged" }),
      Freeze.lpft({ epochs: 2 }),
      Freeze.unfreezeUntil({ noGain: true }),
    ]) {
      const list = Freeze.written(plan, 4)
      expect(Freeze.written(Freeze.phases(list), undefined)).toEqual(list)
    }
  })

  it("follow one another, each phase for the epochs given last", () => {
    const inner = Freeze.phases([{ train: ["heads"], epochs: 1 }, { freeze: Freeze.belowBlock(1) }])
    const plan = Freeze.phases([
      { freeze: inner, epochs: 2 },
      { freeze: inner },
      { freeze: Freeze.lpft(), epochs: 0.5 },
      { freeze: Freeze.gradual({ embeddings: "frozen" }), epochs: 4 },
      { train: ["heads", "block.-1"], tasks: ["mood"], updates: 10 },
    ])
    expect(Freeze.written(plan, 1)).toEqual([
      { train: ["heads"], epochs: 2 },
      { train: ["block.1+", "heads"], epochs: 2 },
      { train: ["heads"], epochs: 1 },
      { train: ["block.1+", "heads"] },
      { train: ["heads"], epochs: 0.5 },
      { train: ["*"], epochs: 0.5 },
      { train: ["heads"], epochs: 4 },
      { train: ["block.0+", "heads"], epochs: 4 },
      { train: ["heads", "block.-1"], tasks: ["mood"], updates: 10 },
    ])
  })

  it("are JSON that says all of it", () => {
    const plan = Freeze.phases([
      { freeze: Freeze.lora({ rank: 4 }), epochs: 1 },
      { freeze: Freeze.gradual() },
      { train: ["*"], rehearse: { mood: 0.5 } },
    ])
    const json = JSON.parse(JSON.stringify(encode(plan))) as unknown
    expect(Schema.decodeUnknownSync(Freeze.FreezePlan)(json)).toEqual(plan)
    expect(json).toMatchObject({ phases: [{ lora: { rank: 4, alpha: 16 }, epochs: 1 }, { _tag: "gradual" }, {}] })
  })

  it("probe with frozen encoder until converged, then fine-tune, as LP-FT does", () => {
    expect(Freeze.written(Freeze.lpft({ epochs: 3 }), undefined)).toEqual([
      { train: ["heads"], converged: { minDelta: 0.001, patience: 2, maxEpochs: 20 } },
      { train: ["*"], epochs: 3 },
    ])
  })
})
