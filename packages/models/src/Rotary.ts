/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864): the two halves of a query or key are turned against each other by
 * angles that grow with the token's place, so that scores depend on distances alone.
 *
 *   angle(place, i) = place · theta^(−2i / headSize)        0 ≤ i < headSize / 2
 *   x ← (x₁ · cos − x₂ · sin, x₂ · cos + x₁ · sin)           x₁, x₂: the halves of x
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"

export interface Rotary {
  /** @param x [batch, heads, tokens, headSize], the tokens from the first one on */
  readonly turn: (x: Value.Value) => Value.Value
}

export interface Options {
  readonly theta: number
  readonly headSize: number
  /** Most tokens. */
  readonly positions: number
}

/**
 * Cosines and sines are tables in the graph: devices differ in the sines of large angles. Angles are rounded to float32
 * as upstream's are.
 */
export const make = ({ theta, headSize, positions }: Options): Rotary => {
  const half = headSize / 2
  let made: { readonly cos: Value.Value; readonly sin: Value.Value } | undefined
  const tables = () => {
    const { fround } = Math
    const speeds = Array.from({ length: half }, (_, i) => fround(1 / fround(theta ** fround((2 * i) / headSize))))
    const angles = Float32Array.from(
      { length: positions * half },
      (_, at) => Math.floor(at / half) * speeds[at % half]!,
    )
    const of = (wave: (angle: number) => number) => Value.constant(Tensor.float32([positions, half], angles.map(wave)))
    return { cos: of(Math.cos), sin: of(Math.sin) }
  }
  return {
    turn: (x) => {
      const { cos, sin } = (made ??= tables())
      const places = Op.Range(0, Extent.of(x, 2))
      const [c, s] = [cos, sin].map((table) => Op.Gather(table, places, { axis: 0 })) as [Value.Value, Value.Value]
      const part = (start: number) => Op.Slice(x, { starts: [start], ends: [start + half], axes: [3] })
      const [first, second] = [part(0), part(half)]
      const turned = [Op.Sub(Op.Mul(first, c), Op.Mul(second, s)), Op.Add(Op.Mul(second, c), Op.Mul(first, s))]
      return Op.Concat(turned, { axis: 3 })
    },
  }
}
