/**
 * Clipping by global norm (Pascanu et al. 2013, arXiv 1211.5063 §3.2), as `torch.nn.utils.clip_grad_norm_`: all gradients
 * are scaled by min(1, most / (norm + 1e-6)).
 */
import * as Op from "@thaw/onnx/Op"
import type * as Value from "@thaw/onnx/Value"

/** √Σ g² over all gradients, from their squares; a scalar. */
export const globalNorm = (squares: ReadonlyArray<Value.Value>): Value.Value =>
  Op.Sqrt(squares.map(sum).reduce((norm, each) => Op.Add(norm, each)))

/** The sum of all elements, row sums first: the runtime sums rows on all its threads, a whole tensor on one. */
export const sum = (elements: Value.Value): Value.Value => {
  const { length } = elements.shape
  const rows = length > 1 ? Op.ReduceSum(elements, { axes: [length - 1], keepdims: 0 }) : elements
  return Op.ReduceSum(rows, { keepdims: 0 })
}

/** The factor that every gradient is scaled by; a scalar in (0, 1]. */
export const factor = (norm: Value.Value, most: number): Value.Value => Op.Min(Op.Div(most, Op.Add(norm, 1e-6)), 1)
