import { readFileSync } from "node:fs"
import path from "node:path"
import * as LearningRate from "@thaw/models/LearningRate"
import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

interface Case {
  readonly base: number
  readonly total: number
  /** Updates before the first of `rates`. */
  readonly after?: number
  readonly rates: ReadonlyArray<number>
}

const file = path.join(import.meta.dirname, "../fixtures/rates/torch.json")
const torch = JSON.parse(readFileSync(file, "utf8")) as Readonly<
  Record<"oneCycle" | "slantedTriangular" | "cosine" | "linear", ReadonlyArray<Case>>
>

const forms = {
  linear: LearningRate.linear,
  cosine: LearningRate.cosine,
  oneCycle: LearningRate.oneCycle,
  inverseSquareRoot: LearningRate.inverseSquareRoot,
  slantedTriangular: LearningRate.slantedTriangular,
}
const all = [...Object.values(forms).map((make) => make({ base: 1 })), LearningRate.constant(1)]
const over = (rate: LearningRate.LearningRate, total: number) =>
  Array.from({ length: total }, (_, t) => LearningRate.at(rate, t, total))

describe("learning rates are those of PyTorch's schedulers", () => {
  const cases = Object.entries(torch).flatMap(([form, list]) => list.map((each, at) => ({ form, at, each })))

  it.each(cases)("$form, case $at", ({ form, each: { total, after = 0, rates, ...options } }) => {
    const rate = forms[form as keyof typeof torch](options)
    expect(rates.length).toBe(total - after)
    rates.forEach((expected, at) => {
      expect(Math.abs(LearningRate.at(rate, at + after, total) - expected)).toBeLessThan(1e-12 + 1e-9 * expected)
    })
  })
})

describe("closed forms", () => {
  it("warm-up rises linearly to the base, whatever comes after", () => {
    for (const form of [LearningRate.linear, LearningRate.cosine, LearningRate.inverseSquareRoot]) {
      const rates = over(form({ base: 4, warmup: 0.25 }), 16)
      expect(rates.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
      expect(Math.max(...rates.slice(5))).toBeLessThan(4)
    }
  })

  it("a half cosine is at half its height in the middle", () => {
    const rate = LearningRate.cosine({ base: 2, warmup: 0 })
    expect([0, 10, 20].map((t) => LearningRate.at(rate, t, 40))).toEqual([
      2,
      1 + Math.cos(Math.PI / 4),
      expect.closeTo(1, 12),
    ])
  })

  it("an inverse square root halves when the updates have become four times the warm-up", () => {
    const rate = LearningRate.inverseSquareRoot({ base: 1, warmup: 0.1 })
    expect([100, 400, 900].map((t) => LearningRate.at(rate, t, 1000))).toEqual([1, 0.5, expect.closeTo(1 / 3, 12)])
    expect(LearningRate.at(LearningRate.inverseSquareRoot({ base: 1, warmup: 0 }), 30_000, 40_000)).toBe(0.5)
  })

  it("a slanted triangle is ULMFiT's: 1/32 at first, the base at a tenth, 1/32 after the last", () => {
    const rate = LearningRate.slantedTriangular({ base: 32 })
    expect([0, 5, 10, 55, 100].map((t) => LearningRate.at(rate, t, 100))).toEqual([1, 16.5, 32, 16.5, 1])
  })

  it("one cycle starts at a twenty-fifth, is at the base after three tenths, and ends at a 250,000th", () => {
    const rate = LearningRate.oneCycle({ base: 25 })
    expect([0, 29, 99].map((t) => LearningRate.at(rate, t, 100))).toEqual([
      expect.closeTo(1, 12),
      expect.closeTo(25, 12),
      expect.closeTo(1e-4, 12),
    ])
  })
})

describe("every learning rate", () => {
  const any = fc.record({ of: fc.constantFrom(...all), total: fc.integer({ min: 1, max: 300 }) })

  it("lies between 0 and its base in every update of a phase of any length", () => {
    fc.assert(
      fc.property(any, ({ of, total }) => {
        for (const rate of over(of, total)) {
          expect(rate).toBeGreaterThanOrEqual(0)
          expect(rate).toBeLessThanOrEqual(1 + 1e-12)
        }
      }),
    )
  })

  it("is proportional to its base", () => {
    fc.assert(
      fc.property(any, fc.double({ min: 1e-7, max: 10, noNaN: true }), ({ of, total }, base) => {
        over({ ...of, base }, total).forEach((rate, t) =>
          expect(Math.abs(rate - base * LearningRate.at(of, t, total))).toBeLessThanOrEqual(1e-12 * base),
        )
      }),
    )
  })

  it("is JSON, and refused where it means nothing", () => {
    const schema = Schema.decodeUnknownSync(LearningRate.LearningRate)
    for (const rate of all) expect(schema(JSON.parse(JSON.stringify(rate)))).toEqual(rate)
    for (const wrong of [
      LearningRate.constant(0),
      LearningRate.linear({ base: 1, warmup: 1.5 }),
      LearningRate.slantedTriangular({ base: 1, cutFraction: 0 }),
      LearningRate.slantedTriangular({ base: 1, ratio: 0.5 }),
      LearningRate.oneCycle({ base: 1, pctStart: 1 }),
      { _tag: "exponential", base: 1 },
    ]) {
      expect(() => schema(wrong)).toThrow("Expected")
    }
  })
})
