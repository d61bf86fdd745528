import * as Seed from "@thaw/core/Seed"
import * as Sample from "@thaw/steps/Sample"
import * as Classes from "@thaw/steps/sample/Classes"
import * as Curriculum from "@thaw/steps/sample/Curriculum"
import * as Walk from "@thaw/steps/sample/Walk"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { seed, sum, times } from "./drawing.ts"

const told = (given: Partial<Walk.Told>): Walk.Told => ({ ...Walk.plain, ...given })
const walk = (rows: Walk.Rows, given: Partial<Walk.Told>, from = seed) => Walk.make(rows, told(given), from, "a")
const take = (from: Walk.Walk, count: number, done = 0) => Array.from({ length: count }, () => from.next(done))
/** 90 rows of class 0, 9 of class 1, 1 of class 2. */
const skewed = Array.from({ length: 100 }, (_, row) => (row < 90 ? 0 : row < 99 ? 1 : 2))
const perClass = (rows: ReadonlyArray<number>) =>
  times(
    rows.map((row) => skewed[row]!),
    3,
  )

describe("balancing classes", () => {
  it.each<[string, Classes.Classes, ReadonlyArray<number>]>([
    ["oversample to the largest", Sample.oversample(), [90, 90, 90]],
    ["oversample to a third of the largest", Sample.oversample({ to: 1 / 3 }), [90, 30, 30]],
    ["undersample to the smallest", Sample.undersample(), [1, 1, 1]],
    ["undersample to five times the smallest", Sample.undersample({ to: 0.2 }), [5, 5, 1]],
    ["weigh by inverse frequency", Sample.weighted({ by: Sample.inverseFrequency() }), [34, 33, 33]],
    ["weigh by effective number with β = 0: as they come", Sample.weighted({ by: Sample.effectiveNumber({ beta: 0 }) }), [90, 9, 1]], // prettier-ignore
  ])("%s", (_, classes, expected) => {
    const pass = take(walk({ size: 100, classes: skewed }, { classes }), sum(expected))
    expect(perClass(pass)).toEqual(expected)
    expect(Classes.targets(classes, [90, 9, 1])()).toEqual(expected)
  })

  it("weigh by effective number as the closed form says", () => {
    const beta = 0.99
    const masses = [90, 9, 1].map((count) => (count * (1 - beta)) / (1 - beta ** count))
    const passes = 50
    const drawn = take(walk({ size: 100, classes: skewed }, { classes: Sample.weighted({ by: Sample.effectiveNumber({ beta }) }) }), 100 * passes) // prettier-ignore
    perClass(drawn).forEach((count, label) => {
      expect(Math.abs(count - (100 * passes * masses[label]!) / sum(masses))).toBeLessThan(3)
    })
  })

  it("draw no example of a class a second time before all others of it", () => {
    const classes = fc.constantFrom(Sample.oversample(), Sample.undersample({ to: 0.5 }), Sample.weighted({ by: Sample.inverseFrequency() })) // prettier-ignore
    fc.assert(
      fc.property(classes, fc.integer({ min: 1, max: 500 }), fc.nat(), (balance, count, value) => {
        const counts = times(
          take(walk({ size: 100, classes: skewed }, { classes: balance }, Seed.make(value)), count),
          100,
        )
        for (const label of [0, 1, 2]) {
          const own = counts.filter((_, row) => skewed[row] === label)
          expect(Math.max(...own) - Math.min(...own)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  it("say how much of a pass is left", () => {
    const balanced = walk({ size: 100, classes: skewed }, { classes: Sample.oversample() })
    expect(balanced.left(0)).toBe(270)
    take(balanced, 200)
    expect(balanced.left(0)).toBe(70)
    take(balanced, 70)
    expect(balanced.left(0)).toBe(270)
  })

  it("by independent draws have the same shares", () => {
    const drawn = take(
      walk({ size: 100, classes: skewed }, { draw: "independent", classes: Sample.oversample() }),
      9_000,
    )
    // Three classes alike: 3000 each, and 3.5 standard deviations are 157.
    for (const count of perClass(drawn)) expect(Math.abs(count - 3_000)).toBeLessThan(157)
  })
})

describe("a curriculum", () => {
  const size = 50
  /** Row 0 is the hardest. */
  const difficulty = Array.from({ length: size }, (_, row) => size - row)
  const root = Sample.curriculum({ by: Sample.length(), from: 0.1, over: 0.5 })
  const linear = Sample.curriculum({ by: Sample.length(), pacing: "linear", from: 0.2, over: 1 })

  it("has the competence of Platanios et al.", () => {
    // c₀ = 0.1: √(t/T · 0.99 + 0.01)
    for (const [done, expected] of [
      [0, 0.1],
      [0.125, Math.sqrt(0.2575)],
      [0.25, Math.sqrt(0.505)],
      [0.5, 1],
      [1, 1],
    ] as const) {
      expect(Curriculum.competence(root, done)).toBeCloseTo(expected, 12)
    }
    for (const [done, expected] of [
      [0, 0.2],
      [0.5, 0.6],
      [1, 1],
    ] as const) {
      expect(Curriculum.competence(linear, done)).toBeCloseTo(expected, 12)
    }
  })

  it("draws only what is easy enough, and all of that", () => {
    for (const curriculum of [root, linear]) {
      for (const done of [0, 0.2, 0.4, 1]) {
        const may = Curriculum.available(curriculum, size, done)
        const drawn = take(walk({ size, difficulty }, { curriculum }), may, done)
        expect(drawn.toSorted((a, b) => a - b)).toEqual(Array.from({ length: may }, (_, at) => size - may + at))
      }
    }
    expect([0, 0.5, 1].map((done) => Curriculum.available(linear, size, done))).toEqual([10, 30, 50])
  })

  it("draws an example that is let in while a pass is under way in that pass, and none twice", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 20 }),
        fc.nat(),
        (counts, value) => {
          const from = walk({ size, difficulty }, { curriculum: linear }, Seed.make(value))
          let seen = new Set<number>()
          counts.forEach((count, at) => {
            const done = at / counts.length
            for (let draw = 0; draw < count; draw++) {
              const left = from.left(done)
              const row = from.next(done)
              if (seen.has(row)) {
                expect(seen.size).toBeGreaterThanOrEqual(Curriculum.available(linear, size, done))
                seen = new Set()
              }
              seen.add(row)
              expect(left).toBeGreaterThan(0)
              expect(row).toBeGreaterThanOrEqual(size - Curriculum.available(linear, size, done))
            }
          })
        },
      ),
    )
  })

  it("ranks within each class where classes are balanced", () => {
    const classes = difficulty.map((_, row) => row % 2)
    const drawn = take(walk({ size, difficulty, classes }, { classes: Sample.oversample(), curriculum: linear }), 50)
    // The easiest fifth of 25 of each class, again and again.
    expect(times(drawn, size)).toEqual(difficulty.map((_, row) => (row < 40 ? 0 : 5)))
  })

  it("of tasks brings them in gradually", () => {
    const pools = [{ task: "a", size: 10 }, { task: "b", size: 90 }] // prettier-ignore
    const factors = (told: Curriculum.Introduction, done: number) => Curriculum.factors(told, pools, done)
    expect([0, 0.25, 0.5, 1].map((done) => factors(Sample.richestFirst(), done))).toEqual([[0, 1], [0.5, 1], [1, 1], [1, 1]]) // prettier-ignore
    const later = Sample.introduce({ b: { from: 0.2, until: 0.2 } })
    expect([0, 0.19, 0.2].map((done) => factors(later, done))).toEqual([[1, 0], [1, 0], [1, 1]]) // prettier-ignore
  })
})
