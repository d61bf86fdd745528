/**
 * Multi-head self-attention: softmax(Q · Kᵀ / √headSize + bias) · V per head, then one product over all heads (Vaswani et
 * al. 2017, arXiv 1706.03762, section 3.2.2).
 *
 * ```
 * x            [batch*tokens, hidden]
 * key, value   [batch, heads, tokens, headSize]
 * query        [batch, heads, asked, headSize]     asked: tokens, or 2 where only the first token's vector is asked for
 * scores       [batch, heads, asked, tokens]
 * ```
 *
 * A single query is asked twice and one answer dropped: a product with one row takes another kernel of the runtime, whose
 * sums over the tokens depend on how much padding there is.
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import type * as Value from "@thaw/onnx/Value"
import type { Dimensions } from "./Dimensions.ts"
import type * as Dropout from "./Dropout.ts"
import * as Linear from "./Linear.ts"
import { distinct, type Parameter, type Weights } from "./Parameter.ts"
import type { Asked } from "./Pooling.ts"
import type { Rotary } from "./Rotary.ts"
import type * as ScoreBias from "./ScoreBias.ts"

export interface Attention {
  readonly query: Linear.Linear
  readonly key: Linear.Linear
  readonly value: Linear.Linear
  readonly output: Linear.Linear
  /** Added to the scores. */
  readonly bias: ScoreBias.ScoreBias
  /** Where queries and keys are turned by their places. */
  readonly rotary?: Rotary
}

/** Each once: maps may be parts of one weight. */
export const parameters = ({ query, key, value, output, bias }: Attention): ReadonlyArray<Parameter> =>
  distinct([...[query, key, value, output].flatMap(Linear.parameters), ...bias.parameters])

/**
 * @param asked whose vectors are computed; keys and values are every token's
 * @param rows of x, those of the tokens asked for
 * @param bias added to the scores, see `ScoreBias`
 * @param dropShares what becomes of the shares of attention
 * @param drop what becomes of what adapters read
 * @returns [rows, hidden]
 */
export const forward = (
  { query, key, value, output, rotary }: Attention,
  weights: Weights,
  x: Value.Value,
  { asked, rows }: { readonly asked: Asked; readonly rows: Value.Value },
  { attentionMask, bias }: { readonly attentionMask: Value.Value; readonly bias: Value.Value },
  { heads, headSize, hidden }: Dimensions,
  dropShares: (shares: Value.Value) => Value.Value,
  drop: Dropout.Drop,
): Value.Value => {
  const [batch, tokens] = [Extent.of(attentionMask, 0), Extent.of(attentionMask, 1)]
  const perHead = (projection: Linear.Linear, of: Value.Value, length: number | Extent.Extent) => {
    const split = Op.Reshape(Linear.forward(projection, weights, of, drop), [batch, length, heads, headSize])
    return Op.Transpose(split, { perm: [0, 2, 1, 3] })
  }
  const isFirst = asked === "cls"
  const turned = (heads: Value.Value) => (rotary === undefined ? heads : rotary.turn(heads))
  // The first token's angles are 0.
  const once = isFirst ? perHead(query, rows, 1) : turned(perHead(query, rows, tokens))
  const queries = isFirst ? Op.Concat([once, once], { axis: 2 }) : once
  const keys = turned(perHead(key, x, tokens))
  const scores = Op.FusedMatMul(queries, keys, { alpha: 1 / Math.sqrt(headSize), transB: 1 })
  const shares = dropShares(Op.Softmax(Op.Add(scores, bias), { axis: -1 }))
  const answers = Op.MatMul(shares, perHead(value, x, tokens))
  const kept = isFirst ? Op.Slice(answers, { starts: [0], ends: [1], axes: [2] }) : answers
  const context = Op.Transpose(kept, { perm: [0, 2, 1, 3] })
  return Linear.forward(output, weights, Op.Reshape(context, [-1, hidden]), drop)
}
