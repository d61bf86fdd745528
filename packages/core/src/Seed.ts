/**
 * Named streams of randomness: every consumer derives its own stream from the run's seed by name, so adding one
 * consumer changes no other.
 *
 * A stream's state is SHA-256(seed, name) cut to the 128 bits of xoroshiro128+ (Blackman & Vigna 2018, as implemented
 * by pure-rand).
 */
import { createHash } from "node:crypto"
import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64"
import { uniformInt } from "pure-rand/distribution/uniformInt"
import { xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus"

/** A place to derive streams from. */
export interface Seed {
  readonly value: number
  /** Names from the run's seed down to here. */
  readonly path: ReadonlyArray<string>
}

/** A stream of random numbers; every draw moves it on. */
export interface Stream {
  /** Uniform in [0, 1), 53 bits. */
  readonly float: () => number
  /** Uniform integer in [0, below); throws a RangeError unless `below` is a positive safe integer. */
  readonly int: (below: number) => number
  /** Standard normal (Box–Muller, one value a call). */
  readonly normal: () => number
  /** A new array in random order (Fisher–Yates). */
  readonly shuffle: <A>(values: ReadonlyArray<A>) => Array<A>
}

/** Marks a step input as "derived from the run's seed unless the author gives one". */
export interface FromRun {
  readonly _tag: "SeedFromRun"
}
export const fromRun: FromRun = { _tag: "SeedFromRun" }

/** What a seed's number may be: unsigned 32 bits. */
export const isValue = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xffffffff
/** The same in words, for messages. */
export const valueForm = "an integer from 0 to 4294967295"

export const make = (value: number, ...path: ReadonlyArray<string>): Seed => ({ value, path })

/** The seed of a part: `derive(seed, "sampler", task)`. */
export const derive = (seed: Seed, ...names: ReadonlyArray<string>): Seed => ({
  value: seed.value,
  path: [...seed.path, ...names],
})

/** 128 bits that depend on the seed and every name on its path. */
const state = (seed: Seed): readonly [number, number, number, number] => {
  const hash = createHash("sha256")
    .update(JSON.stringify([seed.value, ...seed.path]))
    .digest()
  return [hash.readInt32LE(0), hash.readInt32LE(4), hash.readInt32LE(8), hash.readInt32LE(12)]
}

export const stream = (seed: Seed, ...names: ReadonlyArray<string>): Stream => {
  const generator = xoroshiro128plusFromState(state(derive(seed, ...names)))
  const float = () => uniformFloat64(generator)
  return {
    float,
    int: (below) => {
      if (!Number.isSafeInteger(below) || below < 1) {
        throw new RangeError(`Seed.Stream.int: expected a positive integer, got ${below}`)
      }
      return uniformInt(generator, 0, below - 1)
    },
    normal: () => Math.sqrt(-2 * Math.log(1 - float())) * Math.cos(2 * Math.PI * float()),
    shuffle: (values) => {
      const shuffled = [...values]
      for (let last = shuffled.length - 1; last > 0; last--) {
        const other = uniformInt(generator, 0, last)
        const held = shuffled[last]!
        shuffled[last] = shuffled[other]!
        shuffled[other] = held
      }
      return shuffled
    },
  }
}

/** A number in [0, 1) that depends only on the seed and the names: for decisions by example id. */
export const fraction = (seed: Seed, ...names: ReadonlyArray<string>): number => {
  const hash = createHash("sha256")
    .update(JSON.stringify([seed.value, ...seed.path, ...names]))
    .digest()
  return Number(hash.readBigUInt64LE(0) >> 11n) / 2 ** 53
}
