/** How near the vectors of two texts are. */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"

/** Least square of a length that is divided by: the zero vector is as near to any vector as another, and has a gradient. */
const leastSquare = 1e-24

/** Each row divided by its length (`torch.nn.functional.normalize`). */
const normalised = (rows: Value): Value =>
  Op.Div(rows, Op.Sqrt(Op.Max(Op.ReduceSum(Op.Mul(rows, rows), { axes: [1] }), leastSquare)))

/**
 * The cosine of every row of `a` with its row of `b`.
 *
 * @param a [pairs, hidden]
 * @param b [pairs, hidden]
 * @returns [pairs]
 */
export const cosine = (a: Value, b: Value): Value =>
  Op.ReduceSum(Op.Mul(normalised(a), normalised(b)), { axes: [1], keepdims: 0 })

/**
 * The cosine of every row of `a` with every row of `b`.
 *
 * @param a [pairs, hidden]
 * @param b [candidates, hidden]
 * @returns [pairs, candidates]
 */
export const cosines = (a: Value, b: Value): Value =>
  Op.Gemm(normalised(a), normalised(b), undefined, { transA: 0, transB: 1 })

/**
 * The length of every difference. As torch has it (`torch.nn.functional.pairwise_distance`) ε = 1e-6 is added to each of
 * its numbers, so that equal vectors have a gradient too.
 *
 * @returns [pairs]
 */
const euclidean = (a: Value, b: Value): Value => {
  const difference = Op.Add(Op.Sub(a, b), 1e-6)
  return Op.Sqrt(Op.ReduceSum(Op.Mul(difference, difference), { axes: [1], keepdims: 0 }))
}

/** How far apart the rows of two values are, [pairs]. */
export const distances = {
  cosine: (a: Value, b: Value): Value => Op.Sub(1, cosine(a, b)),
  euclidean,
} as const

/** `cosine` is 1 − cos, from 0 to 2. */
export type Distance = keyof typeof distances
