import * as Quota from "@thaw/steps/sample/Quota"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { sum } from "./drawing.ts"

const shares = fc
  .array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 6 })
  .map((masses) => masses.map((mass) => mass / sum(masses)))

describe("largest remainder", () => {
  it.each([
    [[0.5, 0.5], 7, [4, 3]],
    [[0.9, 0.1], 32, [29, 3]],
    [[0.47, 0.16, 0.158, 0.12, 0.061, 0.031], 10, [5, 2, 1, 1, 1, 0]],
    [[1 / 3, 1 / 3, 1 / 3], 3, [1, 1, 1]],
    [[1], 5, [5]],
    [[0.2, 0.8], 0, [0, 0]],
  ])("of %j over %i is %j", (parts, total, expected) => {
    expect(Quota.largestRemainder(parts, total)).toEqual(expected)
  })

  it("sums to the total and is never a whole unit off", () => {
    fc.assert(
      fc.property(shares, fc.nat(100_000), (parts, total) => {
        const counts = Quota.largestRemainder(parts, total)
        expect(sum(counts)).toBe(total)
        counts.forEach((count, index) => {
          expect(Number.isInteger(count) && count >= 0).toBe(true)
          expect(Math.abs(count - parts[index]! * total)).toBeLessThan(1 + 1e-6)
        })
      }),
    )
  })
})

describe("round after round", () => {
  it("what a round could not give is owed in the next", () => {
    const next = Quota.make(2)
    const rounds = Array.from({ length: 9 }, () => next([0.97, 0.03], 11)[1])
    expect(rounds).toEqual([0, 1, 0, 0, 1, 0, 0, 1, 0])
  })

  it("every round sums to its total, and all rounds together are nowhere far from the shares", () => {
    fc.assert(
      fc.property(shares, fc.array(fc.nat(50), { minLength: 1, maxLength: 40 }), (parts, totals) => {
        const next = Quota.make(parts.length)
        const given = parts.map(() => 0)
        for (const total of totals) {
          const counts = next(parts, total)
          expect(sum(counts)).toBe(total)
          counts.forEach((count, at) => {
            expect(count).toBeGreaterThanOrEqual(0)
            given[at]! += count
          })
        }
        given.forEach((count, at) => {
          expect(Math.abs(count - parts[at]! * sum(totals))).toBeLessThan(parts.length)
        })
      }),
    )
  })
})

describe("one by one", () => {
  it("equal shares go in turn", () => {
    const next = Quota.oneByOne(3)
    expect(Array.from({ length: 9 }, () => next([1 / 3, 1 / 3, 1 / 3]))).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2])
  })

  it("changing shares are followed closely, and nothing that has no share is drawn", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 2, max: 5 }), (rounds, parts) => {
        const next = Quota.oneByOne(parts)
        const due = Array<number>(parts).fill(0)
        for (let round = 0; round < rounds; round++) {
          const masses = due.map((_, at) => (at > 0 && round < 20 * at ? 0 : 1 + ((round * at) % 7)))
          const given = masses.map((mass) => mass / sum(masses))
          const drawn = next(given)
          expect(given[drawn]).toBeGreaterThan(0)
          given.forEach((share, at) => (due[at]! += share))
          due[drawn]! -= 1
        }
        for (const owed of due) expect(Math.abs(owed)).toBeLessThan(parts)
      }),
    )
  })
})
