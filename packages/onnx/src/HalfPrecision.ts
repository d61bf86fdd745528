/** Numbers in two bytes. */

/** IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
export const number = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * 2 ** -24 * fraction
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * 2 ** (exponent - 25) * (1024 + fraction)
}

/** The nearest half-precision number, ties to even; infinite from 65520 on. */
export const bits = (value: number): number => {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (Number.isNaN(size)) return 0x7e00
  if (size >= 65_520) return sign | 0x7c00
  // Below 2⁻¹⁴ all numbers are as far apart as there.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)))
  const steps = size * 2 ** (10 - exponent)
  const below = Math.floor(steps)
  const rest = steps - below
  const rounded = below + (rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? 1 : 0)
  // A carry goes on into the exponent, as it should.
  return sign | (((exponent + 14) << 10) + rounded)
}

/** bfloat16 is the upper half of a float32. */
export const ofBfloats = (bits: Uint16Array): Float32Array<ArrayBuffer> =>
  new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer)
