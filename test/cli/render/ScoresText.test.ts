import * as Ansi from "@thaw/cli/render/Ansi"
import * as ScoresText from "@thaw/cli/render/ScoresText"
import type * as Scores from "@thaw/steps/Scores"
import { describe, expect, it } from "vitest"

const task = (classes: number): Scores.TaskScores => ({
  task: "intent",
  head: "classification",
  examples: 100,
  metrics: { accuracy: 0.5, loss: 1, macroF1: 0.4 },
  majority: { accuracy: 0.25, macroF1: 0.1 },
  perLabel: Array.from({ length: classes }, (_, i) => ({
    label: `label ${i}`,
    precision: 1,
    recall: 1,
    f1: i / classes,
    support: 2,
  })),
  // Everything right but label 3, which is taken for label 1 five times.
  confusion: Array.from({ length: classes }, (_, truth) =>
    Array.from({ length: classes }, (__, answer) => (truth === answer ? 2 : truth === 3 && answer === 1 ? 5 : 0)),
  ),
})

describe("scores as text", () => {
  it("put the headline first and the loss last, and show every label and the whole confusion where they are few", () => {
    const text = ScoresText.lines({ tasks: [task(4)] }, Ansi.plain).join("\n")
    expect(text).toMatch(/accuracy +macroF1 +loss\n/)
    expect(text).toMatch(/this run +0\.500 +0\.400 +1\.000\n/)
    expect(text).toMatch(/majority label +0\.250 +0\.100\n/)
    expect(text).toMatch(/label 3 +· +5 +· +2$/)
  })

  it("tell the weakest labels and the commonest mistakes where there are many", () => {
    const lines = ScoresText.lines({ tasks: [task(77)] }, Ansi.plain)
    expect(lines.length).toBeLessThan(30)
    const text = lines.join("\n")
    expect(text).toContain("the weakest 12 of 77 labels")
    expect(text).toMatch(/label 0 +1\.000/)
    expect(text).not.toContain("label 76")
    expect(text).toMatch(/5 +label 3 +label 1$/)
  })

  it("show entities without a table of confusions", () => {
    const tags: Scores.TaskScores = {
      ...task(2),
      head: "tokenClassification",
      metrics: { entityF1: 0.8, loss: 1 },
      majority: {},
      confusion: [],
    }
    const text = ScoresText.lines({ tasks: [tags] }, Ansi.plain).join("\n")
    expect(text).toMatch(/^ +entity +precision/m)
    expect(text).not.toContain("truth")
    expect(text).not.toContain("majority")
  })

  it("show several labels beside the commonest set, and numbers beside their mean", () => {
    const moods: Scores.TaskScores = {
      ...task(3),
      head: "multiLabel",
      metrics: { loss: 0.3, macroF1: 0.6, meanAveragePrecision: 0.8, microF1: 0.7, subsetAccuracy: 0.5 },
      majority: { macroF1: 0.1, meanAveragePrecision: 0.3, microF1: 0.2, subsetAccuracy: 0.25 },
      confusion: [],
    }
    const stars: Scores.TaskScores = {
      ...task(0),
      head: "regression",
      metrics: { loss: 0.2, meanAbsoluteError: 3, meanSquaredError: 20, pearson: 0.9, r2: 0.8, spearman: 0.85 },
      majority: { meanAbsoluteError: 9, meanSquaredError: 100, pearson: 0, r2: 0, spearman: 0 },
      confusion: [],
    }
    const text = ScoresText.lines({ tasks: [moods, stars] }, Ansi.plain).join("\n")
    expect(text).toMatch(
      /several labels, 100 held-out examples\n +meanAveragePrecision +microF1 +macroF1 +subsetAccuracy +loss\n/,
    )
    expect(text).toMatch(/majority labels +0\.300 +0\.200 +0\.100 +0\.250\n/)
    expect(text).toMatch(/label +precision +recall/)
    expect(text).toMatch(
      /numbers, 100 held-out examples\n +r2 +pearson +spearman +meanAbsoluteError +meanSquaredError +loss\n/,
    )
    expect(text).toMatch(/their mean +0\.000 +0\.000 +0\.000 +9\.000 +100\.000$/)
  })

  it("cannot be wider than the terminal", () => {
    for (const line of ScoresText.lines({ tasks: [task(12)] }, Ansi.colours, 60)) {
      expect(Ansi.width(line)).toBeLessThanOrEqual(60)
    }
  })

  it("are one figure per task in a list of runs", () => {
    const metrics = {
      "topic.loss": 1,
      "topic.accuracy": 0.9,
      "names.entityF1": 0.8,
      "names.tokenAccuracy": 0.99,
      "moods.microF1": 0.6,
      "moods.macroF1": 0.5,
      "moods.meanAveragePrecision": 0.7,
      "stars.pearson": 0.5,
      "stars.r2": 0.4,
    }
    expect(ScoresText.brief(metrics)).toBe(
      "topic accuracy 0.900  names entityF1 0.800  moods meanAveragePrecision 0.700  stars r2 0.400",
    )
  })
})
