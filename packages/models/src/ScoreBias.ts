/**
 * What is added to the scores of attention before their softmax: −1e9 where a token is not seen, and what a family has
 * learnt of distances. Blocks of one kind share it.
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import * as Inputs from "./Inputs.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import type { Asked } from "./Pooling.ts"

export interface ScoreBias {
  readonly parameters: ReadonlyArray<Parameter>
  /** @returns [batch, heads or 1, queries or 1, tokens]; the only query of `cls` is the first token's */
  readonly forward: (weights: Weights, inputs: Inputs.Inputs, asked: Asked) => Value
}

/** Every token sees every other; padding is not seen. */
export const padding: ScoreBias = { parameters: [], forward: (_, { attentionBias }) => attentionBias }

/** A token sees those at most `reach` places away (Longformer's sliding window, arXiv 2004.05150 section 3.1). */
export const sliding = (reach: number): ScoreBias => ({
  parameters: [],
  forward: (_, inputs, asked) => {
    const far = Op.Cast(Op.Greater(Op.Abs(Op.Cast(distances(inputs, asked), "float32")), reach), "float32")
    return Op.Add(inputs.attentionBias, Op.Mul(far, Inputs.masked))
  },
})

/**
 * How many places a key stands to the right of a query.
 *
 * @returns int32 [queries, tokens]
 */
export const distances = ({ attentionMask }: Inputs.Inputs, asked: Asked): Value => {
  // Arithmetic of int64 leaves a GPU.
  const places = Op.Cast(Op.Range(0, Extent.of(attentionMask, 1)), "int32")
  const keys = Op.Unsqueeze(places, { axes: [0] })
  return asked === "cls" ? keys : Op.Sub(keys, Op.Unsqueeze(places, { axes: [1] }))
}
