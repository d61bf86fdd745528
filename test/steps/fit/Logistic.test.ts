import { readFileSync } from "node:fs"
import * as Logistic from "@thaw/steps/fit/Logistic"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

/** Made by scikit-learn: see test/fixtures/logistic/make.py. */
interface Reference {
  readonly name: string
  readonly l2: number
  readonly classes: number
  readonly vectors: ReadonlyArray<ReadonlyArray<number>>
  readonly truth: ReadonlyArray<number>
  /** One row for two classes: that of the second. */
  readonly coefficients: ReadonlyArray<ReadonlyArray<number>>
  readonly intercepts: ReadonlyArray<number>
  readonly probabilities: ReadonlyArray<ReadonlyArray<number>>
}
const references = JSON.parse(
  readFileSync(new URL("../../fixtures/logistic/fits.json", import.meta.url), "utf8"),
) as ReadonlyArray<Reference>

const problemOf = ({ vectors, truth, classes, l2 }: Pick<Reference, "vectors" | "truth" | "classes" | "l2">) => ({
  vectors: Float32Array.from(vectors.flat()),
  size: vectors[0]!.length,
  truth,
  classes,
  l2,
})

const softmax = (scores: ReadonlyArray<number>) => {
  const all = scores.map(Math.exp)
  return all.map((each) => each / all.reduce((sum, other) => sum + other, 0))
}

const options = { tolerance: 1e-9, maxIterations: 2000 }

describe("logistic regression agrees with scikit-learn", () => {
  it.each(references.map((reference) => [reference.name, reference] as const))("on %s", (_, reference) => {
    const fitted = Logistic.fit(problemOf(reference), options)
    const free = fitted.coefficients.slice(-reference.coefficients.length)
    free.forEach((row, at) =>
      row.forEach((value, index) => expect(value).toBeCloseTo(reference.coefficients[at]![index]!, 5)),
    )
    // What every class has in common changes no probability, and scikit-learn leaves it wherever it started.
    const centred = (values: ReadonlyArray<number>) => {
      const middle = values.length === 1 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
      return values.map((value) => value - middle)
    }
    const intercepts = centred(fitted.intercepts.slice(-reference.intercepts.length))
    centred(reference.intercepts).forEach((value, at) => expect(intercepts[at]).toBeCloseTo(value, 4))
    reference.probabilities.forEach((expected, row) => {
      const vector = Float32Array.from(reference.vectors[row]!)
      softmax(Logistic.scores(fitted, vector)).forEach((share, at) => expect(share).toBeCloseTo(expected[at]!, 6))
    })
  })

  it("also where it stops at the tolerance that steps use, in fewer iterations", () => {
    for (const reference of references) {
      const fitted = Logistic.fit(problemOf(reference), { tolerance: 1e-6, maxIterations: 1000 })
      expect(fitted.converged).toBe(true)
      expect(fitted.iterations).toBeLessThan(100)
      const best = Logistic.fit(problemOf(reference), options).objective
      expect(fitted.objective - best).toBeLessThan(1e-6 * best)
    }
  })
})

describe("logistic regression", () => {
  it("gives the shares of the labels when vectors say nothing", () => {
    const truth = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2]
    const fitted = Logistic.fit({ vectors: new Float32Array(20), size: 2, truth, classes: 3, l2: 1 }, options)
    softmax(Logistic.scores(fitted, new Float32Array(2))).forEach((share, at) =>
      expect(share).toBeCloseTo([0.5, 0.3, 0.2][at]!, 8),
    )
    expect(fitted.objective).toBeCloseTo(-(5 * Math.log(0.5) + 3 * Math.log(0.3) + 2 * Math.log(0.2)), 8)
  })

  it("gives the same bits again, and is not moved by the order of labels' numbers", () => {
    const problem = problemOf(references[2]!)
    expect(Logistic.fit(problem, options)).toEqual(Logistic.fit(problem, options))
    const turned = Logistic.fit({ ...problem, truth: problem.truth.map((label) => 3 - label) }, options)
    turned.coefficients.forEach((row, at) =>
      row.forEach((value, index) =>
        expect(value).toBeCloseTo(Logistic.fit(problem, options).coefficients[3 - at]![index]!, 6),
      ),
    )
  })

  it("ends at a minimum: no small step in any direction is lower", () => {
    const number = fc.double({ min: -3, max: 3, noNaN: true })
    const problems = fc.record({
      rows: fc.array(fc.tuple(number, number, fc.nat(2)), { minLength: 3, maxLength: 12 }),
      l2: fc.double({ min: 0.05, max: 10, noNaN: true }),
    })
    fc.assert(
      fc.property(problems, fc.array(number, { minLength: 9, maxLength: 9 }), ({ rows, l2 }, nudge) => {
        const vectors = Float32Array.from(rows.flatMap(([a, b]) => [a, b]))
        const truth = rows.map(([, , label]) => label)
        const fitted = Logistic.fit(
          { vectors, size: 2, truth, classes: 3, l2 },
          { tolerance: 1e-8, maxIterations: 500 },
        )
        const value = (coefficients: ReadonlyArray<ReadonlyArray<number>>, intercepts: ReadonlyArray<number>) =>
          rows.reduce((sum, _, row) => {
            const scores = Logistic.scores({ coefficients, intercepts }, vectors.subarray(2 * row, 2 * row + 2))
            return sum - Math.log(softmax(scores)[truth[row]!]!)
          }, 0) +
          (l2 / 2) * coefficients.flat().reduce((sum, weight) => sum + weight ** 2, 0)
        const least = value(fitted.coefficients, fitted.intercepts)
        expect(fitted.objective).toBeCloseTo(least, 8)
        const moved = value(
          fitted.coefficients.map((row, at) => row.map((weight, index) => weight + 0.01 * nudge[3 * at + index]!)),
          fitted.intercepts.map((each, at) => each + 0.01 * nudge[3 * at + 2]!),
        )
        expect(moved).toBeGreaterThanOrEqual(least - 1e-9)
      }),
      { numRuns: 60 },
    )
  })
})
