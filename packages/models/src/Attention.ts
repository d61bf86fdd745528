/**
 * Multi-head self-attention: softmax(Q · Kᵀ / √headSize + mask) · V per head, then one product over all heads (Vaswani et
 * al. 2017, arXiv 1706.03762, section 3.2.2).
 *
 * ```
 * x                   [batch*tokens, hidden]
 * query, key, value   [batch, heads, tokens, headSize]
 * scores              [batch, heads, tokens, tokens]
 * ```
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import type * as Value from "@thaw/onnx/Value"
import type { Dimensions } from "./Dimensions.ts"
import type * as Dropout from "./Dropout.ts"
import type { Inputs } from "./Inputs.ts"
import * as Linear from "./Linear.ts"
import type { Parameter, Weights } from "./Parameter.ts"

export interface Attention {
  readonly query: Linear.Linear
  readonly key: Linear.Linear
  readonly value: Linear.Linear
  readonly output: Linear.Linear
}

export const parameters = ({ query, key, value, output }: Attention): ReadonlyArray<Parameter> =>
  [query, key, value, output].flatMap(Linear.parameters)

/**
 * @param dropShares what becomes of the shares of attention
 * @param drop what becomes of what adapters read
 * @returns [batch*tokens, hidden]
 */
export const forward = (
  { query, key, value, output }: Attention,
  weights: Weights,
  x: Value.Value,
  { attentionMask, attentionBias }: Inputs,
  { heads, headSize, hidden }: Dimensions,
  dropShares: (shares: Value.Value) => Value.Value,
  drop: Dropout.Drop,
): Value.Value => {
  const perHead = (projection: Linear.Linear) => {
    const flat = Linear.forward(projection, weights, x, drop)
    const split = Op.Reshape(flat, [Extent.of(attentionMask, 0), Extent.of(attentionMask, 1), heads, headSize])
    return Op.Transpose(split, { perm: [0, 2, 1, 3] })
  }
  const scores = Op.FusedMatMul(perHead(query), perHead(key), { alpha: 1 / Math.sqrt(headSize), transB: 1 })
  const shares = dropShares(Op.Softmax(Op.Add(scores, attentionBias), { axis: -1 }))
  const context = Op.Transpose(Op.MatMul(shares, perHead(value)), { perm: [0, 2, 1, 3] })
  return Linear.forward(output, weights, Op.Reshape(context, [-1, hidden]), drop)
}
