import { readFileSync } from "node:fs"
import * as Head from "@thaw/models/Head"
import * as MultiLabelHead from "@thaw/steps/heads/MultiLabel"
import * as MultiLabel from "@thaw/steps/metrics/MultiLabel"
import { describe, expect, it } from "vitest"

interface Average {
  readonly precision: number
  readonly recall: number
  readonly f1: number
}

interface Case {
  readonly name: string
  readonly labels: ReadonlyArray<string>
  readonly truth: ReadonlyArray<ReadonlyArray<number>>
  readonly logits: ReadonlyArray<ReadonlyArray<number>>
  readonly threshold: number
  readonly subsetAccuracy: number
  readonly micro: Average
  readonly macro: Average
  readonly perLabel: ReadonlyArray<Average & { readonly label: string; readonly support: number }>
  readonly averagePrecision: Readonly<Record<string, number>>
  readonly meanAveragePrecision: number
  readonly loss: number
}

/** See test/fixtures/metrics/make.py. */
const cases = JSON.parse(
  readFileSync(new URL("../../fixtures/metrics/multiLabel.json", import.meta.url), "utf8"),
) as ReadonlyArray<Case>

const encoding = { ids: new Int32Array(1), typeIds: new Int32Array(1), words: new Int32Array(1) }

/** What a head that scored so is said to be worth. */
const figures = ({ labels, truth, logits, threshold }: Case) =>
  MultiLabelHead.outcome.figures(
    "moods",
    { ...(Head.multiLabel({ threshold }) as Extract<Head.Head, { kind: "multiLabel" }>), labels },
    truth.map((own, at) => ({
      example: { id: String(at), encoding, classes: {}, tags: {}, classSets: { moods: own } },
      scores: Float32Array.from(logits[at]!),
    })),
  )

describe.each(cases)("several labels an example, $name", (given) => {
  const { metrics, perLabel, examples, confusion } = figures(given)

  it("agree with scikit-learn", () => {
    expect(examples).toBe(given.truth.length)
    expect(metrics["microF1"]).toBeCloseTo(given.micro.f1, 12)
    expect(metrics["macroF1"]).toBeCloseTo(given.macro.f1, 12)
    expect(metrics["subsetAccuracy"]).toBeCloseTo(given.subsetAccuracy, 12)
    expect(metrics["meanAveragePrecision"]).toBeCloseTo(given.meanAveragePrecision, 12)
    expect(metrics["loss"]).toBeCloseTo(given.loss, 10)
    expect(confusion).toEqual([])
    expect(perLabel.map(({ label, support }) => [label, support])).toEqual(
      given.perLabel.map(({ label, support }) => [label, support]),
    )
    perLabel.forEach((each, at) => {
      for (const figure of ["precision", "recall", "f1"] as const)
        expect(each[figure], `${each.label} ${figure}`).toBeCloseTo(given.perLabel[at]![figure], 12)
    })
  })

  it("agree with scikit-learn label by label, at every threshold", () => {
    for (const [label, expected] of Object.entries(given.averagePrecision)) {
      const at = given.labels.indexOf(label)
      const has = given.truth.map((own) => own.includes(at))
      const found = MultiLabel.averagePrecision(
        has,
        given.logits.map((row) => row[at]!),
      )
      expect(found, label).toBeCloseTo(expected, 12)
    }
  })

  it("agree in all averages", () => {
    const { labels, truth, logits, threshold } = given
    const names = (own: Iterable<number>) => new Set(Array.from(own, (at) => labels[at]!))
    const scores = MultiLabel.score(
      labels,
      truth.map(names),
      logits.map((row) => names(row.flatMap((logit, at) => (1 / (1 + Math.exp(-logit)) > threshold ? [at] : [])))),
    )
    for (const average of ["micro", "macro"] as const)
      for (const figure of ["precision", "recall", "f1"] as const)
        expect(scores[average][figure], `${average} ${figure}`).toBeCloseTo(given[average][figure], 12)
  })
})

describe("several labels an example", () => {
  it("are compared with always answering the commonest label set", () => {
    const { majority } = figures({
      ...cases[0]!,
      truth: [[0], [0, 1], [0], []],
      logits: Array.from({ length: 4 }, () => [0, 0, 0, 0]),
    })
    // {a} for {a}, {a, b}, {a}, {}: three of four right decisions on a, one label of four missed.
    expect(majority["subsetAccuracy"]).toBe(0.5)
    expect(majority["microF1"]).toBeCloseTo((2 * 3) / (4 + 4), 12)
    // What says nothing has as average precision the share of the examples that have the label.
    expect(majority["meanAveragePrecision"]).toBeCloseTo((3 / 4 + 1 / 4) / 2, 12)
  })

  it("are zeros, not NaN, for no examples", () => {
    expect(MultiLabel.score(["a"], [], [])).toMatchObject({ subsetAccuracy: 0, micro: { f1: 0 }, macro: { f1: 0 } })
    expect(MultiLabel.averagePrecision([], [])).toBe(0)
  })

  it("need one prediction for each example", () => {
    expect(() => MultiLabel.score(["a"], [new Set(["a"])], [])).toThrow(
      "scores: expected a prediction for each of 1 examples, got 0.",
    )
  })
})
