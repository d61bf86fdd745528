/**
 * Squared error of predicted numbers: the mean over scored units of (prediction − score)² (`torch.nn.MSELoss`).
 *
 * A score that is NaN means "none": it takes no part, neither in the sum nor in the count.
 */
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import type * as Value from "@thaw/onnx/Value"

export interface Options {
  /**
   * What the sum is divided by, a scalar: scored units of more batches than this one, so that the losses of the batches
   * add up to the mean over all. This batch's own unless given.
   */
  readonly units?: Value.Value | undefined
}

/**
 * @param predictions `[units]`
 * @param scores float32 `[units]`; the loss is 0 where all are NaN
 * @returns a scalar
 */
export const loss = (predictions: Value.Value, scores: Value.Value, options: Options = {}): Value.Value => {
  // NaN alone is not equal to itself. It is replaced before it is computed with: 0 · NaN is NaN.
  const scored = Op.Equal(scores, scores)
  const count = Op.Cast(scored, "float32")
  const error = Op.Mul(Op.Sub(predictions, Op.Where(scored, scores, 0)), count)
  return Op.Div(total(Op.Mul(error, error)), options.units ?? Op.Max(total(count), 1))
}

/**
 * What the sum is divided by, for scores of a batch: how many are numbers.
 *
 * @param scores float32 `[units]`
 */
export const counted = (scores: Tensor.Tensor): number =>
  Tensor.numbers(scores).reduce((count, score) => (Number.isNaN(score) ? count : count + 1), 0)

const total = (of: Value.Value): Value.Value => Op.ReduceSum(of, { axes: [0], keepdims: 0 })
