import { readFileSync } from "node:fs"
import * as Classification from "@thaw/steps/metrics/Classification"
import { describe, expect, it } from "vitest"

interface Average {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

interface Case {
  readonly name: string
  readonly truth: ReadonlyArray<string>
  readonly predicted: ReadonlyArray<string>
  readonly accuracy: number
  readonly mcc: number
  readonly micro: Average
  readonly macro: Average
  readonly weighted: Average
  readonly perLabel: ReadonlyArray<Average & { readonly label: string; readonly support: number }>
  readonly confusion: ReadonlyArray<ReadonlyArray<number>>
}

const cases = JSON.parse(
  readFileSync(new URL("../../fixtures/metrics/classification.json", import.meta.url), "utf8"),
) as ReadonlyArray<Case>

describe("Classification.score", () => {
  for (const { name, truth, predicted, ...expected } of cases) {
    it(`agrees with scikit-learn: ${name}`, () => {
      const scores = Classification.score(truth, predicted)
      expect(scores.accuracy).toBeCloseTo(expected.accuracy, 12)
      expect(scores.mcc).toBeCloseTo(expected.mcc, 12)
      for (const average of ["micro", "macro", "weighted"] as const) {
        for (const figure of ["precision", "recall", "f1"] as const) {
          expect(scores[average][figure], `${average} ${figure}`).toBeCloseTo(expected[average][figure], 12)
        }
      }
      expect(scores.confusion).toEqual(expected.confusion)
      expect(scores.perLabel.map(({ label, support }) => [label, support])).toEqual(
        expected.perLabel.map(({ label, support }) => [label, support]),
      )
      scores.perLabel.forEach((label, index) => {
        for (const figure of ["precision", "recall", "f1"] as const) {
          expect(label[figure], `${label.label} ${figure}`).toBeCloseTo(expected.perLabel[index]![figure], 12)
        }
      })
    })
  }

  it("gives zeros, not NaN, for no examples", () => {
    expect(Classification.score([], [])).toMatchObject({
      examples: 0,
      accuracy: 0,
      mcc: 0,
      macro: { f1: 0 },
      perLabel: [],
    })
  })

  it("refuses another number of predictions than of examples", () => {
    expect(() => Classification.score(["a", "b"], ["a"])).toThrow(
      "scores: expected a prediction for each of 2 examples, got 1.",
    )
  })
})
