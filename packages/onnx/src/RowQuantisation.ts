/**
 * A matrix of floating-point numbers as small integers, each row with a scale of its own: w ≈ scale · q, |q| ≤ most.
 *
 * Symmetric, so there is no zero point; numbers are rounded to the nearest, to the even one of two equally near.
 */
import type * as Tensor from "./Tensor.ts"

export interface Quantised {
  /** [rows, columns], int8 */
  readonly integers: Int8Array
  /** [rows] */
  readonly scales: Float32Array
}

/** @param matrix float32 [rows, columns] */
export const of = ({ shape, data }: Tensor.TensorOf<"float32">, most: number): Quantised => {
  const [rows, columns] = shape as [number, number]
  const integers = new Int8Array(rows * columns)
  const scales = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const start = row * columns
    let greatest = 0
    for (let at = start; at < start + columns; at++) greatest = Math.max(greatest, Math.abs(data[at]!))
    // A row of zeros has any scale.
    const scale = greatest === 0 ? 1 : Math.fround(greatest / most)
    scales[row] = scale
    for (let at = start; at < start + columns; at++) {
      // The scale is rounded itself, so that the greatest may be a little more than `most`.
      integers[at] = Math.max(-most, Math.min(most, nearest(data[at]! / scale)))
    }
  }
  return { integers, scales }
}

const nearest = (x: number): number => {
  const below = Math.floor(x)
  const rest = x - below
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1
}
