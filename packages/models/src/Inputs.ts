/**
 * What an encoder reads, as graph inputs: `input_ids`, `attention_mask` and, where the family has them,
 * `token_type_ids`, each int32 [batch, tokens]; int64 in files for other tools, which know no other.
 */
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"

export interface Inputs {
  readonly inputIds: Value.Value
  readonly attentionMask: Value.Value
  readonly tokenTypeIds: Value.Value
  /** Added to attention scores: 0 where there is a token, −1e9 where there is padding; [batch, 1, 1, tokens]. */
  readonly attentionBias: Value.Value
}

/** Added to scores that count for nothing. Never −∞: a row without any token would become NaN. */
export const masked = -1e9

export const make = (dtype: "int32" | "int64" = "int32"): Inputs => {
  const grid = (name: string) => {
    const given = Value.input(name, dtype, ["batch", "tokens"])
    return dtype === "int32" ? given : Op.Cast(given, "int32")
  }
  const attentionMask = grid("attention_mask")
  const absent = Op.Sub(1, Op.Cast(Op.Unsqueeze(attentionMask, { axes: [1, 2] }), "float32"))
  return {
    inputIds: grid("input_ids"),
    attentionMask,
    tokenTypeIds: grid("token_type_ids"),
    attentionBias: Value.named(Op.Mul(absent, masked), "attention_bias"),
  }
}
