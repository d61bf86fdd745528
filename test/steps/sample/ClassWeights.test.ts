import * as ClassWeights from "@thaw/steps/sample/ClassWeights"
import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const counts = fc.array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 1, maxLength: 8 }).filter((all) => all.some((count) => count > 0)) // prettier-ignore
const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)

describe("class weights", () => {
  it("by inverse frequency are scikit-learn's balanced ones", () => {
    // compute_class_weight("balanced", y = 90 × a, 9 × b, 1 × c)
    expect(ClassWeights.values(ClassWeights.inverseFrequency(), [90, 9, 1])).toEqual([100 / 270, 100 / 27, 100 / 3])
  })

  it("by inverse frequency give every class the same mass", () => {
    fc.assert(
      fc.property(counts, (given) => {
        const weights = ClassWeights.values(ClassWeights.inverseFrequency(), given)
        const classes = given.filter((count) => count > 0).length
        given.forEach((count, at) => {
          if (count > 0) expect((weights[at]! * count) / sum(given)).toBeCloseTo(1 / classes, 10)
          else expect(weights[at]).toBe(0)
        })
      }),
    )
  })

  it("by effective number follow Σ β^k, summed term by term, and sum to the number of classes", () => {
    for (const beta of [0, 0.5, 0.9, 0.99, 0.999]) {
      const given = [1, 7, 60, 500]
      const terms = given.map((count) => 1 / sum(Array.from({ length: count }, (_, k) => beta ** k)))
      const expected = terms.map((term) => (4 * term) / sum(terms))
      const weights = ClassWeights.values(ClassWeights.effectiveNumber({ beta }), given)
      weights.forEach((weight, at) => expect(weight).toBeCloseTo(expected[at]!, 10))
    }
  })

  it("by effective number go from equal weights to inverse frequency as β goes from 0 to 1", () => {
    fc.assert(
      fc.property(counts, (given) => {
        const of = (beta: number) => ClassWeights.values(ClassWeights.effectiveNumber({ beta }), given)
        of(0).forEach((weight, at) => expect(weight).toBeCloseTo(given[at]! > 0 ? 1 : 0, 12))
        const near = of(1 - 1e-13)
        const [one, two] = given.flatMap((count, at) => (count > 0 ? [{ count, weight: near[at]! }] : []))
        if (two !== undefined) expect(two.weight / one!.weight).toBeCloseTo(one!.count / two.count, 0)
      }),
    )
  })

  it("count what has a label", () => {
    expect(ClassWeights.counts([0, 2, -100, 2, -1], 4)).toEqual([1, 0, 2, 0])
  })

  it("refuse a β that means nothing", () => {
    const decode = Schema.decodeUnknownSync(ClassWeights.ClassWeights)
    for (const beta of [-0.1, 1, 2, NaN]) expect(() => decode({ _tag: "effectiveNumber", beta })).toThrow("Expected")
  })
})
