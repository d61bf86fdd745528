import { createHash } from "node:crypto"
import * as Seed from "@thaw/core/Seed"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const seed = Seed.make(7, "Train")
const take = (stream: Seed.Stream, count: number) => Array.from({ length: count }, () => stream.float())

/** xoroshiro128+ 2018 (24, 16, 37) on 64-bit integers, from the paper: Blackman & Vigna, arXiv 1805.01407. */
const xoroshiro = (low: bigint, high: bigint) => {
  const mask = (1n << 64n) - 1n
  const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask
  let [a, b] = [low, high]
  return () => {
    const sum = (a + b) & mask
    b ^= a
    ;[a, b] = [rotate(a, 24n) ^ b ^ ((b << 16n) & mask), rotate(b, 37n)]
    return sum
  }
}

describe("streams", () => {
  it("depend on the number and on every name", () => {
    const seeds = [seed, Seed.make(8, "Train"), Seed.make(7), Seed.make(7, "Train", ""), Seed.make(7, "Trai", "n")]
    const all = [...seeds, Seed.derive(seed, "a", "b"), Seed.derive(seed, "a,b"), Seed.derive(seed, 'a","b')]
    expect(new Set(all.map((each) => Seed.stream(each).float())).size).toBe(all.length)
  })

  it("are the same however their names were given", () => {
    const names = fc.array(fc.string(), { maxLength: 4 })
    fc.assert(
      fc.property(fc.nat(), names, names, (value, first, second) => {
        const expected = take(Seed.stream(Seed.make(value, ...first, ...second)), 3)
        expect(take(Seed.stream(Seed.derive(Seed.make(value, ...first), ...second)), 3)).toEqual(expected)
        expect(take(Seed.stream(Seed.make(value, ...first), ...second), 3)).toEqual(expected)
      }),
    )
  })

  it("are xoroshiro128+ of the hash of seed and names", () => {
    const state = createHash("sha256").update('[7,"Train","dropout"]').digest()
    const half = (place: number) => (BigInt(state.readUInt32LE(place)) << 32n) | BigInt(state.readUInt32LE(place + 4))
    const next = xoroshiro(half(0), half(8))
    const stream = Seed.stream(seed, "dropout")
    // 26 and 27 low bits of two sums make the 53 bits of a float.
    for (let draw = 0; draw < 100; draw++) {
      const [high, low] = [next() & 0x3ffffffn, next() & 0x7ffffffn]
      expect(stream.float()).toBe(Number((high << 27n) | low) / 2 ** 53)
    }
  })
})

describe("draws", () => {
  it("are uniform, normal and in range", () => {
    const stream = Seed.stream(seed, "moments")
    const floats = take(stream, 20_000)
    expect(Math.min(...floats)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...floats)).toBeLessThan(1)
    const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length
    // Within five standard errors: 5 · √(1/12 / 20000) = 0.0102 and so on.
    expect(Math.abs(mean(floats) - 0.5)).toBeLessThan(0.0102)
    const normals = Array.from({ length: 20_000 }, stream.normal)
    expect(Math.abs(mean(normals))).toBeLessThan(0.036)
    expect(Math.abs(mean(normals.map((value) => value ** 2)) - 1)).toBeLessThan(0.05)
    expect(Math.abs(mean(normals.map((value) => value ** 4)) - 3)).toBeLessThan(0.35)
    const counts = Array<number>(6).fill(0)
    for (let draw = 0; draw < 12_000; draw++) counts[stream.int(6)]! += 1
    // χ² with 5 degrees of freedom: 20.5 is its 99.9 % point.
    expect(counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)).toBeLessThan(20.5)
  })

  it("of an integer need a positive bound", () => {
    const stream = Seed.stream(seed)
    for (const below of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) expect(() => stream.int(below)).toThrow(RangeError)
    expect(stream.int(1)).toBe(0)
    const large = stream.int(2 ** 52)
    expect(Number.isSafeInteger(large) && large >= 0 && large < 2 ** 52).toBe(true)
  })

  it("shuffle into permutations and leave the array alone", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.nat(), (values, value) => {
        const before = [...values]
        const shuffled = Seed.stream(Seed.make(value)).shuffle(values)
        expect(values).toEqual(before)
        expect(shuffled.toSorted((a, b) => a - b)).toEqual(values.toSorted((a, b) => a - b))
      }),
    )
  })

  it("shuffle into every permutation equally often", () => {
    const counts = new Map<string, number>()
    const stream = Seed.stream(seed, "shuffle")
    for (let draw = 0; draw < 12_000; draw++) {
      const order = stream.shuffle([1, 2, 3]).join("")
      counts.set(order, (counts.get(order) ?? 0) + 1)
    }
    expect(counts.size).toBe(6)
    expect([...counts.values()].reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0)).toBeLessThan(20.5)
  })
})

describe("fractions", () => {
  it("depend on seed and names alone and are uniform", () => {
    expect(Seed.fraction(seed, "text", "a")).toBe(Seed.fraction(Seed.derive(seed, "text"), "a"))
    const all = Array.from({ length: 10_000 }, (_, id) => Seed.fraction(seed, String(id)))
    expect(all.every((value) => value >= 0 && value < 1)).toBe(true)
    const deciles = Array<number>(10).fill(0)
    for (const value of all) deciles[Math.floor(value * 10)]! += 1
    // χ² with 9 degrees of freedom: 27.9 is its 99.9 % point.
    expect(deciles.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)).toBeLessThan(27.9)
  })
})
