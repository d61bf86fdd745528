/**
 * Dropout (Srivastava et al. 2014): in training, elements become 0 with probability p and what is kept is divided by
 * 1 − p. Which ones is a function of row, column, micro-batch, site and seed alone, in arithmetic that every execution
 * provider has, so a mask is the same on every device and with any number of threads.
 *
 * With all numbers uint32 that wrap, an element is dropped when h < p·2³²:
 *
 *   h = (a·R + b·C + k) · (2·(c·R + d·C) + l)      R, C: hashes of (row, micro-batch) and (column, micro-batch)
 *                                                  a … d, k, l: drawn once for each site; a, b, l odd
 *
 * Rows and columns are hashed well but once each, and elements cost two sums and a product. For a fixed row h is a
 * permutation polynomial of C (Rivest 2001: linear coefficient odd, quadratic even), for a fixed column one of R, so as
 * uniform as the hashes are; the product makes it unpredictable from the other corners of a rectangle.
 */
import * as Seed from "@thaw/core/Seed"
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"
import type { Group } from "./Group.ts"

/** Probabilities in [0, 1), as transformers' configs have them. */
export interface Rates {
  /** Of what embeddings and the two halves of a block give. */
  readonly hidden: number
  /** Of the shares of attention. */
  readonly attention: number
  /** Of what a head's classifier reads. */
  readonly head: number
  /** Of what low-rank adapters read; 0 where absent. */
  readonly adapter?: number
}

/** A place in the network where something is dropped. */
export interface Site {
  readonly group: Group
  /** Tells the sites of a group apart. */
  readonly name: string
  readonly rate: keyof Rates
}

/** What becomes of a value at a site; same shape. The last axis has the columns. */
export type Drop = (x: Value.Value, site: Site) => Value.Value

/** Nothing is dropped: evaluation, frozen parts. */
export const none: Drop = (x) => x

export interface Settings {
  readonly rates: Rates
  readonly seed: Seed.Seed
}

/** Graph input, int32 scalar: which micro-batch of the phase this is, from 0. */
export const microBatch = "microBatch"

/** Drops in the groups that train; elsewhere, and where the rate is 0, the site does not exist. */
export const make = ({ rates, seed }: Settings, trainable: ReadonlyArray<Group>): Drop => {
  const hashes = hashing()
  return (x, site) => {
    const p = rates[site.rate] ?? 0
    return p === 0 || !trainable.includes(site.group) ? x : drop(x, p, constants(seed, site), hashes)
  }
}

/** What tells a site from others; whole numbers below 2³². */
export interface Constants {
  readonly a: number
  readonly b: number
  readonly c: number
  readonly d: number
  readonly k: number
  readonly l: number
}

export const constants = (seed: Seed.Seed, { group, name }: Site): Constants => {
  const stream = Seed.stream(seed, "dropout", group, name)
  const any = () => stream.int(2 ** 32)
  const odd = () => 2 * stream.int(2 ** 31) + 1
  return { a: odd(), b: odd(), c: any(), d: any(), k: any(), l: odd() }
}

/** Elements with a hash below this are dropped. */
export const threshold = (p: number): number => Math.round(p * 2 ** 32)

const uint32 = (number: number): Value.Value => Value.scalar("uint32", number)

const drop = (x: Value.Value, p: number, constants: Constants, hashes: Hashes): Value.Value => {
  const last = x.shape.length - 1
  const flat = last === 1 ? x : Op.Reshape(x, [-1, Extent.of(x, last)])
  // The truth values stay for the way back, a byte each; hashing again there would cost more.
  const kept = Op.GreaterOrEqual(hash(flat, constants, hashes), uint32(threshold(p)))
  const dropped = Op.Where(kept, Op.Mul(flat, 1 / (1 - p)), 0)
  return last === 1 ? dropped : Op.ReshapeLike(dropped, x)
}

/** [rows, columns] for a value of these. */
const hash = (x: Value.Value, { a, b, c, d, k, l }: Constants, { rows, columns }: Hashes): Value.Value => {
  const [R, C] = [rows(x), columns(x)]
  const times = (hashed: Value.Value, factor: number) => Op.Mul(hashed, uint32(factor))
  const first = Op.Add(Op.Add(times(R, a), uint32(k)), times(C, b))
  // Twice a number, modulo 2³².
  const second = Op.Add(Op.Add(times(R, (2 * c) % 2 ** 32), uint32(l)), times(C, (2 * d) % 2 ** 32))
  return Op.Mul(first, second)
}

interface Hashes {
  /** [rows, 1] */
  readonly rows: (x: Value.Value) => Value.Value
  /** [1, columns] */
  readonly columns: (x: Value.Value) => Value.Value
}

const hashing = (): Hashes => {
  const drawn = mixed(Op.Cast(Value.input(microBatch, "int32", []), "uint32"))
  // Equal dimensions are equal lengths, so one vector serves every site that has them.
  const made = new Map<string, Value.Value>()
  const along = (axis: 0 | 1, salt: number) => (x: Value.Value) => {
    const key = `${axis} ${x.shape[axis]}`
    const known = made.get(key)
    if (known !== undefined) return known
    const places = Op.Cast(Op.Range(0, Extent.of(x, axis)), "uint32")
    const hashed = mixed(Op.Add(Op.Mul(places, uint32(spread)), Op.Add(drawn, uint32(salt))))
    const vector = Op.Unsqueeze(hashed, { axes: [1 - axis] })
    made.set(key, vector)
    return vector
  }
  return { rows: along(0, salts.rows), columns: along(1, salts.columns) }
}

/** 2³² divided by the golden ratio. */
const spread = 0x9e3779b9
/** So that a row and a column of the same number have different hashes. */
const salts = { rows: 0x243f6a88, columns: 0x85a308d3 } as const

/**
 * The product is the quadratic permutation of RC6 (Rivest et al. 1998), which carries low bits up, the sum with a shifted
 * copy brings high bits down. A sum alone would not do: it is so nearly linear that neighbours keep their distances.
 *
 *   x ← x·(2x + 1) + constant, then x ← x + ⌊x / 2ˢʰⁱᶠᵗ⌋
 */
const rounds = [
  { constant: 0x7feb352d, shift: 16 },
  { constant: 0x846ca68b, shift: 15 },
  { constant: 0x13198a2e, shift: 16 },
] as const

const mixed = (given: Value.Value): Value.Value =>
  rounds.reduce<Value.Value>((x, { constant, shift }) => {
    const twice = Op.Add(Op.Add(x, x), uint32(1))
    const risen = Op.Add(Op.Mul(x, twice), uint32(constant))
    return Op.Add(risen, Op.Div(risen, uint32(2 ** shift)))
  }, given)
