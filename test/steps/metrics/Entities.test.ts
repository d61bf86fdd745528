import { readFileSync } from "node:fs"
import * as Chunk from "@thaw/steps/Chunk"
import * as Entities from "@thaw/steps/metrics/Entities"
import { describe, expect, it } from "vitest"

interface Figures {
  readonly precision: number
  readonly recall: number
  readonly f1: number
  readonly support: number
  readonly predicted: number
  readonly correct: number
}

interface Expected extends Figures {
  readonly perLabel: ReadonlyArray<Figures & { readonly label: string }>
}

interface Case {
  readonly name: string
  readonly truth: ReadonlyArray<ReadonlyArray<string>>
  readonly predicted: ReadonlyArray<ReadonlyArray<string>>
  readonly tokenAccuracy: number
  readonly conlleval: Expected
  readonly strict: Expected
}

const cases = JSON.parse(
  readFileSync(new URL("../../fixtures/metrics/entities.json", import.meta.url), "utf8"),
) as ReadonlyArray<Case>

const readings = { conlleval: Chunk.read, strict: Chunk.readStrict }

describe("Entities.score", () => {
  for (const { name, truth, predicted, tokenAccuracy, ...expected } of cases) {
    for (const reading of ["conlleval", "strict"] as const) {
      it(`agrees with the reference (${reading}): ${name}`, () => {
        const scores = Entities.score(truth, predicted, readings[reading])
        expect(scores.tokenAccuracy).toBeCloseTo(tokenAccuracy, 12)
        const figures = (of: Figures) => [
          of.support,
          of.predicted,
          of.correct,
          ...[of.precision, of.recall, of.f1].map((figure) => figure.toFixed(12)),
        ]
        expect(figures(scores)).toEqual(figures(expected[reading]))
        expect(scores.perLabel.map(({ label }) => label)).toEqual(expected[reading].perLabel.map(({ label }) => label))
        expect(scores.perLabel.map(figures)).toEqual(expected[reading].perLabel.map(figures))
      })
    }
  }

  it("gives the figures conlleval prints for a chunk that is cut short, one that is missed and one that is right", () => {
    // conlleval: processed 6 tokens with 3 phrases; found: 2 phrases; correct: 1. accuracy: 66.67%; precision: 50.00%; recall: 33.33%; FB1: 40.00
    const scores = Entities.score(
      [["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "O"]],
      [["B-PER", "O", "O", "B-LOC", "O", "O"]],
    )
    expect(scores).toMatchObject({ support: 3, predicted: 2, correct: 1, precision: 0.5, recall: 1 / 3 })
    expect(scores.f1).toBeCloseTo(0.4, 12)
    expect(scores.tokenAccuracy).toBeCloseTo(4 / 6, 12)
  })

  it("counts a chunk without its B for conlleval and not for strict IOB2", () => {
    const truth = [["B-PER", "I-PER", "O"]]
    const predicted = [["I-PER", "I-PER", "O"]]
    expect(Entities.score(truth, predicted).f1).toBe(1)
    expect(Entities.score(truth, predicted, Chunk.readStrict)).toMatchObject({ predicted: 0, correct: 0, f1: 0 })
  })

  it("refuses predictions of another length", () => {
    expect(() => Entities.score([["O", "O"]], [["O"]])).toThrow("a prediction for each of 2 tokens of example 1, got 1")
  })
})
