/** What a head reads of the vectors of an example's tokens: all of them, or one vector for the example. */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import type { Inputs } from "./Inputs.ts"

/**
 * The first token's vector (BERT's [CLS]).
 *
 * @param hidden [batch*tokens, hidden]
 * @returns [batch, hidden]
 */
export const cls = (hidden: Value, { attentionMask }: Inputs): Value =>
  Op.Gather(hidden, Op.Range(0, Extent.of(hidden, 0), Extent.of(attentionMask, 1)), { axis: 0 })

/**
 * The mean over an example's tokens, padding left out (Reimers & Gurevych 2019, arXiv 1908.10084).
 *
 * Tokens come first for the sum: along the first axis the runtime adds row to row, so padding adds zeros at the end and
 * an example's mean does not depend on its company. Along an inner axis the order of the sum does.
 *
 * @param hidden [batch*tokens, hidden]
 * @returns [batch, hidden]
 */
export const mean = (hidden: Value, { attentionMask }: Inputs): Value => {
  const present = Op.Cast(Op.Unsqueeze(attentionMask, { axes: [2] }), "float32")
  const size = hidden.shape[1] as number
  const [batch, tokens] = [Extent.of(attentionMask, 0), Extent.of(attentionMask, 1)]
  const kept = Op.Mul(Op.Reshape(hidden, [batch, tokens, size]), present)
  const rows = Op.Reshape(Op.Transpose(kept, { perm: [1, 0, 2] }), [tokens, -1])
  const sum = Op.Reshape(Op.ReduceSum(rows, { axes: [0], keepdims: 0 }), [-1, size])
  return Op.Div(sum, Op.Max(Op.ReduceSum(present, { axes: [1], keepdims: 0 }), 1))
}

/** `tokens` is every token's vector, `[batch*tokens, hidden]`; the others are `[batch, hidden]`. */
export type Reading = "tokens" | "cls" | "mean"

/** Whose vectors a block is asked for: every token's, or the first one's of every example. */
export type Asked = Exclude<Reading, "mean">

/**
 * What the top block has to compute for heads with these readings. Where all read the first token only, its queries and
 * all that follows them are needed of that token alone: five sixths of the block's products fall away.
 */
export const askedBy = (readings: Iterable<Reading>): Asked => {
  const all = new Set(readings)
  return all.size === 1 && all.has("cls") ? "cls" : "tokens"
}

export const read: Readonly<Record<Reading, (hidden: Value, inputs: Inputs) => Value>> = {
  tokens: (hidden) => hidden,
  cls,
  mean,
}
