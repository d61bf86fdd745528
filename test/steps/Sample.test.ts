import { InvalidData } from "@thaw/core/Errors"
import * as Seed from "@thaw/core/Seed"
import * as Sample from "@thaw/steps/Sample"
import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const seed = Seed.make(7, "Train")
/** Of draws that are made for one task each. */
const take = (draws: Iterator<Sample.Draw>, count: number): ReadonlyArray<Sample.Part> =>
  Array.from({ length: count }, () => {
    const { parts } = draws.next().value as Sample.Draw
    expect(parts).toHaveLength(1)
    return parts[0]!
  })
const sum = (values: ReadonlyArray<number>) => values.reduce((total, value) => total + value, 0)
const sizes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 6 })
const mixes = fc.oneof(
  fc.constant(Sample.proportional()),
  fc.record({ temperature: fc.double({ min: 0.2, max: 50, noNaN: true }) }).map(Sample.temperature),
)

describe("shares", () => {
  it.each<[string, Sample.Mix, ReadonlyArray<number>, ReadonlyArray<number>]>([
    ["proportional", Sample.proportional(), [900, 100], [0.9, 0.1]],
    ["temperature 1", Sample.temperature({ temperature: 1 }), [900, 100], [0.9, 0.1]],
    ["temperature 2", Sample.temperature({ temperature: 2 }), [900, 100], [0.75, 0.25]],
    ["temperature 2, capped", Sample.temperature({ temperature: 2, cap: 400 }), [900, 100], [2 / 3, 1 / 3]],
    ["temperature 1, capped", Sample.temperature({ temperature: 1, cap: 50 }), [1_000_000, 5_000, 50], [1 / 3, 1 / 3, 1 / 3]], // prettier-ignore
    ["a million against five thousand", Sample.temperature({ temperature: 2 }), [1_000_000, 5_000], [0.93396, 0.06604]],
    ["without examples", Sample.temperature({ temperature: 1e9 }), [10, 0], [1, 0]],
  ])("%s", (_, mix, given, expected) => {
    Sample.shares(mix, given).forEach((share, index) => expect(share).toBeCloseTo(expected[index]!, 5))
  })

  it("sum to 1 and grow with the size", () => {
    fc.assert(
      fc.property(mixes, sizes, (mix, given) => {
        const shares = Sample.shares(mix, given)
        expect(sum(shares)).toBeCloseTo(1, 12)
        given.forEach((size, a) =>
          given.forEach((other, b) => size <= other && expect(shares[a]!).toBeLessThanOrEqual(shares[b]!)),
        )
      }),
    )
  })

  it("approach equal shares as the temperature rises", () => {
    for (const share of Sample.shares(Sample.temperature({ temperature: 1e6 }), [1_000_000, 1_000, 10])) {
      expect(share).toBeCloseTo(1 / 3, 4)
    }
  })

  it("refuse temperatures and caps that mean nothing, when a step is given them", () => {
    const encode = Schema.encodeUnknownSync(Sample.Mix)
    for (const mix of [{ temperature: 0 }, { temperature: -1 }, { temperature: NaN }, { temperature: 1, cap: 0 }]) {
      expect(() => encode(Sample.temperature(mix))).toThrow("Expected")
    }
    expect(encode(Sample.temperature({ temperature: 2, cap: 10 }))).toEqual({ _tag: "temperature", temperature: 2, cap: 10 }) // prettier-ignore
  })
})

describe("largest remainder", () => {
  it.each([
    [[0.5, 0.5], 7, [4, 3]],
    [[0.9, 0.1], 32, [29, 3]],
    [[0.47, 0.16, 0.158, 0.12, 0.061, 0.031], 10, [5, 2, 1, 1, 1, 0]],
    [[1 / 3, 1 / 3, 1 / 3], 3, [1, 1, 1]],
    [[1], 5, [5]],
    [[0.2, 0.8], 0, [0, 0]],
  ])("of %j over %i is %j", (parts, total, expected) => {
    expect(Sample.largestRemainder(parts, total)).toEqual(expected)
  })

  it("sums to the total and is never a whole unit off", () => {
    fc.assert(
      fc.property(mixes, sizes, fc.nat(100_000), (mix, given, total) => {
        const parts = Sample.shares(mix, given)
        const counts = Sample.largestRemainder(parts, total)
        expect(sum(counts)).toBe(total)
        counts.forEach((count, index) => {
          expect(Number.isInteger(count) && count >= 0).toBe(true)
          expect(Math.abs(count - parts[index]! * total)).toBeLessThan(1 + 1e-6)
        })
      }),
    )
  })
})

describe("draws", () => {
  const pools = [
    { task: "topic", size: 96 },
    { task: "mood", size: 24 },
  ]

  it("follow the mix exactly in every epoch, in an order of their own", () => {
    const draws = Sample.draws(Sample.proportional(), pools, 8, seed)
    expect(Sample.updatesPerEpoch([96, 24], 8)).toBe(15)
    const epochs = [0, 1, 2].map(() => take(draws, 15).map(({ task }) => task))
    for (const epoch of epochs) expect(epoch.filter((task) => task === "mood")).toHaveLength(3)
    expect(new Set(epochs.map(String)).size).toBe(3)
  })

  it("see each example exactly once per pass", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12 }), fc.nat(), (size, batch, value) => {
        const draws = Sample.draws(Sample.proportional(), [{ task: "a", size }], batch, Seed.make(value))
        const seen = take(draws, 3 * size).flatMap(({ rows }) => rows)
        for (let pass = 0; pass < 3; pass++) {
          const rows = seen.slice(pass * size, (pass + 1) * size)
          expect(rows.toSorted((a, b) => a - b)).toEqual(Array.from({ length: size }, (_, row) => row))
        }
      }),
    )
  })

  it("walk every pass in another order", () => {
    const draws = Sample.draws(Sample.proportional(), [{ task: "a", size: 32 }], 32, seed)
    const [first, second] = take(draws, 2)
    expect(first!.rows).not.toEqual(second!.rows)
  })

  it("are full batches, or the whole task where that is smaller", () => {
    const draws = Sample.draws(Sample.temperature({ temperature: 5 }), [...pools, { task: "tiny", size: 3 }], 8, seed)
    const epoch = take(draws, Sample.updatesPerEpoch([96, 24, 3], 8))
    expect(new Set(epoch.map(({ task, rows }) => `${task} ${rows.length}`))).toEqual(
      new Set(["topic 8", "mood 8", "tiny 3"]),
    )
    for (const { task, rows } of epoch) if (task === "tiny") expect(rows.toSorted((a, b) => a - b)).toEqual([0, 1, 2])
  })

  it("repeat with the seed; another task changes no other's order of examples", () => {
    const rowsOf = (given: ReadonlyArray<Sample.Pool>, value = seed) =>
      take(Sample.draws(Sample.proportional(), given, 8, value), 60)
        .filter(({ task }) => task === "mood")
        .flatMap(({ rows }) => rows)
        .slice(0, 40)
    expect(rowsOf(pools)).toEqual(rowsOf(pools))
    expect(rowsOf([...pools, { task: "third", size: 24 }])).toEqual(rowsOf(pools))
    expect(rowsOf(pools, Seed.make(8, "Train"))).not.toEqual(rowsOf(pools))
  })

  it("are refused for a task without examples, instead of never drawing it", () => {
    const start = (given: ReadonlyArray<Sample.Pool>) => () =>
      Sample.draws(Sample.proportional(), given, 8, seed).next()
    expect(start([...pools, { task: "empty", size: 0 }])).toThrow(InvalidData)
    expect(start([...pools, { task: "empty", size: 0 }])).toThrow(
      'mix: expected training examples for every task, got none for "empty".',
    )
    expect(start([])).toThrow("got no tasks.")
  })
})

describe("a rehearsed task", () => {
  it("is drawn at its rate of what the mix gives it, and lengthens an epoch by as much", () => {
    const rehearsed = [{ task: "a", size: 800 }, { task: "b", size: 400, rate: 0.25 }] // prettier-ignore
    expect(Sample.shares(Sample.proportional(), [800, 400], [1, 0.25])).toEqual([8 / 9, 1 / 9])
    const updates = Sample.updatesPerEpoch(rehearsed.map(Sample.epochSize), 10)
    expect(updates).toBe(90)
    const epoch = take(Sample.draws(Sample.proportional(), rehearsed, 10, seed), updates)
    expect(epoch.filter(({ task }) => task === "b")).toHaveLength(10)
    // A task that trains is seen whole, as without rehearsal.
    const seen = epoch.flatMap(({ task, rows }) => (task === "a" ? rows : []))
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 800 }, (_, row) => row))
  })

  it("at rate 1 is drawn as any other; the rounding of a rate adds no update", () => {
    const plain = [{ task: "a", size: 30 }, { task: "b", size: 50 }] // prettier-ignore
    const draws = (pools: ReadonlyArray<Sample.Pool>) => take(Sample.draws(Sample.proportional(), pools, 8, seed), 40)
    expect(draws(plain.map((pool) => ({ ...pool, rate: 1 })))).toEqual(draws(plain))
    // 96 + 30 · 0.1 is 99.00000000000001 or so in the machine.
    for (const rate of [0.1, 0.3, 0.7]) {
      expect(Sample.updatesPerEpoch([96 - 30 * rate, Sample.epochSize({ task: "b", size: 30, rate })], 8)).toBe(12)
    }
  })
})
