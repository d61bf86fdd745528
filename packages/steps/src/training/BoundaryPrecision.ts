/**
 * How many bits of each number the boundary cache keeps: all 32, or half of them (IEEE 754 binary16, 11 significant bits,
 * largest number 65504), rounded to nearest, ties to even.
 */
import * as Arrow from "apache-arrow"

export type Precision = "fp32" | "fp16"

export interface Stored {
  readonly bytes: number
  readonly type: () => Arrow.Float
  readonly pack: (values: Float32Array) => Float32Array | Uint16Array
  /** What `pack` kept, as bytes of a file, into `target`. */
  readonly unpack: (kept: Uint8Array, target: Float32Array) => void
}

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)

/** Bits of the half-precision number next to this one. */
const toHalf = (value: number): number => {
  float[0] = value
  const sign = (bits[0]! >>> 16) & 0x8000
  const magnitude = bits[0]! & 0x7fffffff
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00)
  if (magnitude >= 0x38800000) {
    const odd = (magnitude >>> 13) & 1
    return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13)
  }
  // Below 2^-14 halves are multiples of 2^-24, as are the floats from 0.5 to 1: the addition rounds to one.
  float[0] = Math.abs(value) + 0.5
  return sign | (bits[0]! - 0x3f000000)
}

const fromHalf = (half: number): number => {
  const sign = (half & 0x8000) === 0 ? 1 : -1
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

const halves = Float32Array.from({ length: 65536 }, (_, half) => fromHalf(half))

export const precisions = {
  fp32: {
    bytes: 4,
    type: () => new Arrow.Float32(),
    pack: (values) => values,
    unpack: (kept, target) => new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(kept),
  },
  fp16: {
    bytes: 2,
    type: () => new Arrow.Float16(),
    pack: (values) => Uint16Array.from(values, toHalf),
    unpack: (kept, target) => {
      for (let at = 0; at < target.length; at++) target[at] = halves[kept[2 * at]! | (kept[2 * at + 1]! << 8)]!
    },
  },
} as const satisfies Record<Precision, Stored>

/** The numbers as they come back after they were kept. */
export const round = (precision: Precision, values: Float32Array): Float32Array =>
  precision === "fp32" ? values : Float32Array.from(values, (value) => halves[toHalf(value)]!)
