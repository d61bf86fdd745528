import { readFileSync } from "node:fs"
import type { Regression as RegressionOf } from "@thaw/models/heads/Regression"
import * as RegressionHead from "@thaw/steps/heads/Regression"
import * as Regression from "@thaw/steps/metrics/Regression"
import { describe, expect, it } from "vitest"

interface Case extends Omit<Regression.Scores, "examples"> {
  readonly name: string
  readonly truth: ReadonlyArray<number>
  readonly predicted: ReadonlyArray<number>
}

/** See test/fixtures/metrics/make.py. */
const cases = JSON.parse(
  readFileSync(new URL("../../fixtures/metrics/regression.json", import.meta.url), "utf8"),
) as ReadonlyArray<Case>

const names = ["meanSquaredError", "meanAbsoluteError", "r2", "pearson", "spearman"] as const

const encoding = { ids: new Int32Array(1), typeIds: new Int32Array(1), words: new Int32Array(1) }

describe("predicted numbers", () => {
  it.each(cases)("agree with scikit-learn and SciPy: $name", ({ truth, predicted, ...expected }) => {
    const scores = Regression.score(truth, predicted)
    for (const name of names) {
      const size = Math.max(1, Math.abs(expected[name]))
      expect(Math.abs(scores[name] - expected[name]), name).toBeLessThan(1e-12 * size)
    }
  })

  it("are compared with always giving the mean", () => {
    const head: RegressionOf = { kind: "regression", pooling: "cls", center: 3, scale: 2 }
    const answers = [1, 2, 6].map((score, at) => ({
      example: { id: String(at), encoding, classes: {}, tags: {}, scores: { stars: score } },
      scores: Float32Array.of(score + 1),
    }))
    const found = RegressionHead.outcome.figures("stars", head, answers)
    expect(found).toMatchObject({ head: "regression", examples: 3, perLabel: [], confusion: [] })
    expect(found.metrics).toMatchObject({ meanSquaredError: 1, meanAbsoluteError: 1, spearman: 1 })
    // Errors of half the head's measure.
    expect(found.metrics["loss"]).toBeCloseTo(0.25, 12)
    expect(found.majority).toEqual({
      meanSquaredError: (4 + 1 + 9) / 3,
      meanAbsoluteError: 2,
      r2: 0,
      pearson: 0,
      spearman: 0,
    })
  })

  it("are zeros, not NaN, for no examples, and one example correlates with nothing", () => {
    expect(Regression.score([], [])).toEqual({
      examples: 0,
      meanSquaredError: 0,
      meanAbsoluteError: 0,
      r2: 0,
      pearson: 0,
      spearman: 0,
    })
    expect(Regression.score([1], [3])).toMatchObject({ meanSquaredError: 4, r2: 0, pearson: 0, spearman: 0 })
  })

  it("need one prediction for each example", () => {
    expect(() => Regression.score([1], [])).toThrow("scores: expected a prediction for each of 1 examples, got 0.")
  })
})
