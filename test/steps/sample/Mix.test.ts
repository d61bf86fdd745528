import { PipelineInvalid } from "@thaw/core/Errors"
import * as Sample from "@thaw/steps/Sample"
import * as Mix from "@thaw/steps/sample/Mix"
import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { sum } from "./drawing.ts"

const pools = (sizes: ReadonlyArray<number>, rates: ReadonlyArray<number> = []): ReadonlyArray<Mix.Pool> =>
  sizes.map((size, at) => ({ task: "abcdef"[at]!, size, rate: rates[at] ?? 1 }))
const at = (epoch: number, epochs: number): Mix.Moment => ({ epoch, epochs, done: epoch / epochs })
const done = (part: number): Mix.Moment => ({ epoch: 0, epochs: 1, done: part })
const sizes = fc.array(fc.integer({ min: 1, max: 1_000_000 }), { minLength: 1, maxLength: 6 })
const mixes = fc.oneof(
  fc.constant(Sample.proportional()),
  fc.constant(Sample.alternate({ atEnd: "cycle" })),
  fc.constant(Sample.annealed()),
  fc.record({ temperature: fc.double({ min: 0.2, max: 50, noNaN: true }) }).map(Sample.temperature),
)

describe("shares", () => {
  it.each<[string, Mix.Mix, ReadonlyArray<number>, ReadonlyArray<number>]>([
    ["proportional", Sample.proportional(), [900, 100], [0.9, 0.1]],
    ["proportional, capped", Sample.proportional({ cap: 300 }), [900, 100], [0.75, 0.25]],
    [
      "proportional, the second counted three times",
      Sample.proportional({ repeat: { b: 3 } }),
      [900, 100],
      [0.75, 0.25],
    ],
    ["temperature 1", Sample.temperature({ temperature: 1 }), [900, 100], [0.9, 0.1]],
    ["temperature 2", Sample.temperature({ temperature: 2 }), [900, 100], [0.75, 0.25]],
    ["temperature 2, capped", Sample.temperature({ temperature: 2, cap: 400 }), [900, 100], [2 / 3, 1 / 3]],
    ["temperature 2, counted four times", Sample.temperature({ temperature: 2, repeat: { b: 4 } }), [900, 100], [0.6, 0.4]], // prettier-ignore
    ["temperature 1, capped", Sample.temperature({ temperature: 1, cap: 50 }), [1_000_000, 5_000, 50], [1 / 3, 1 / 3, 1 / 3]], // prettier-ignore
    ["a million against five thousand", Sample.temperature({ temperature: 2 }), [1_000_000, 5_000], [0.93396, 0.06604]],
    ["without examples", Sample.temperature({ temperature: 1e9 }), [10, 0], [1, 0]],
    ["alternate", Sample.alternate({ atEnd: "stop" }), [900, 100], [0.5, 0.5]],
    ["weights", Sample.weights({ a: 1, b: 3 }), [900, 100], [0.25, 0.75]],
  ])("%s", (_, mix, given, expected) => {
    Mix.shares(mix, pools(given)).forEach((share, index) => expect(share).toBeCloseTo(expected[index]!, 5))
  })

  it("anneal as PALs do: from proportional to nearly the same for all, always from the raw sizes", () => {
    const given = pools([2490, 8551, 363_846])
    const epochs = [0, 1, 2, 3, 4].map((epoch) => Mix.shares(Sample.annealed(), given, at(epoch, 5)))
    expect(epochs[0]!.map((share) => share.toFixed(4))).toEqual(["0.0066", "0.0228", "0.9705"])
    // Shares that were annealed from the epoch before, not from the sizes, would end at 0.32, 0.33 and 0.35.
    expect(epochs[4]!.map((share) => share.toFixed(3))).toEqual(["0.200", "0.257", "0.543"])
    epochs.forEach((shares, epoch) => {
      const masses = [2490, 8551, 363_846].map((size) => size ** (1 - (0.8 * epoch) / 4))
      shares.forEach((share, index) => expect(share).toBeCloseTo(masses[index]! / sum(masses), 12))
    })
  })

  it("do not anneal in a single epoch", () => {
    expect(Mix.shares(Sample.annealed(), pools([900, 100]), at(0, 1))).toEqual([0.9, 0.1])
  })

  it("follow a schedule in straight lines, or hold it from point to point", () => {
    const points = [
      { at: 0.2, weights: { a: 1, b: 0 } },
      { at: 0.6, weights: { a: 1, b: 1 } },
      { at: 1, weights: { a: 0, b: 1 } },
    ] as const
    const b = (mix: Mix.Mix, part: number) => Mix.shares(mix, pools([900, 100]), done(part))[1]!
    const linear = Sample.schedule(points)
    const expected = [[0, 0], [0.2, 0], [0.4, 1 / 3], [0.6, 0.5], [0.8, 2 / 3], [1, 1]] as const // prettier-ignore
    for (const [part, share] of expected) expect(b(linear, part)).toBeCloseTo(share, 12)
    const held = Sample.schedule(points, { between: "hold" })
    for (const [part, share] of [[0, 0], [0.59, 0], [0.6, 0.5], [0.99, 0.5], [1, 1]] as const) expect(b(held, part)).toBe(share) // prettier-ignore
  })

  it("follow a function, which is asked once and becomes plain JSON", () => {
    const calls: Array<number> = []
    const mix = Sample.scheduleOf((part) => ({ a: 1 - part / 2, b: calls.push(part) > 0 ? part : 0 }), { intervals: 4 })
    expect(calls).toEqual([0, 0.25, 0.5, 0.75, 1])
    expect(Schema.decodeUnknownSync(Mix.Mix)(JSON.parse(JSON.stringify(mix)))).toEqual(mix)
    for (const part of [0, 0.1, 0.33, 0.5, 1]) {
      expect(Mix.shares(mix, pools([5, 5]), done(part))[1]).toBeCloseTo(part / (1 + part / 2), 12)
    }
  })

  it("sum to 1 and grow with the size", () => {
    fc.assert(
      fc.property(mixes, sizes, fc.nat(4), (mix, given, epoch) => {
        const shares = Mix.shares(mix, pools(given), at(epoch, 5))
        expect(sum(shares)).toBeCloseTo(1, 12)
        given.forEach((size, a) =>
          given.forEach((other, b) => size <= other && expect(shares[a]!).toBeLessThanOrEqual(shares[b]!)),
        )
      }),
    )
  })

  it("approach equal shares as the temperature rises", () => {
    for (const share of Mix.shares(Sample.temperature({ temperature: 1e6 }), pools([1_000_000, 1_000, 10]))) {
      expect(share).toBeCloseTo(1 / 3, 4)
    }
  })

  it("of a rehearsed task are its rate of what the mix gives it", () => {
    expect(Mix.shares(Sample.proportional(), pools([800, 400], [1, 0.25]))).toEqual([8 / 9, 1 / 9])
  })

  it("refuse temperatures and caps that mean nothing, when a step is given them", () => {
    const encode = Schema.encodeUnknownSync(Mix.Mix)
    for (const mix of [{ temperature: 0 }, { temperature: -1 }, { temperature: NaN }, { temperature: 1, cap: 0 }]) {
      expect(() => encode(Sample.temperature(mix))).toThrow("Expected")
    }
    expect(() => encode(Sample.weights({ a: 0 }))).toThrow("Expected")
    expect(encode(Sample.temperature({ temperature: 2, cap: 10 }))).toEqual({ _tag: "temperature", temperature: 2, cap: 10 }) // prettier-ignore
  })
})

describe("a mix is refused", () => {
  const tasks = ["mood", "topic"]
  const refused = (mix: Mix.Mix) => () => {
    Mix.check(mix, tasks, "mix")
    Mix.requireWeights(mix, tasks, "mix")
  }
  it.each<[string, Mix.Mix, string]>([
    ["that names no task", Sample.weights({ mood: 1, topics: 2 }), 'mix: expected names of tasks: "mood", "topic", got "topics". Did you mean "topic"?'], // prettier-ignore
    ["that repeats no task", Sample.proportional({ repeat: { mod: 3 } }), 'mix, repeat: expected names of tasks: "mood", "topic", got "mod". Did you mean "mood"?'], // prettier-ignore
    ["without a weight for one", Sample.weights({ mood: 1 }), `mix: expected a weight for every task, got none for "topic". A task that is not to be drawn is left out of the phase's tasks.`], // prettier-ignore
    ["with points out of order", Sample.schedule([{ at: 0.5, weights: { mood: 1, topic: 1 } }, { at: 0.5, weights: { mood: 1, topic: 1 } }]), "mix: expected points in ascending order, each at a place of its own, got 0.5 after 0.5."], // prettier-ignore
    ["that draws nothing", Sample.schedule([{ at: 0.5, weights: { mood: 0, topic: 0 } }]), 'mix, point at 0.5: expected a weight above 0 for one of "mood", "topic", got none.'], // prettier-ignore
  ])("%s", (_, mix, message) => {
    expect(refused(mix)).toThrow(PipelineInvalid)
    expect(refused(mix)).toThrow(message)
  })
})
