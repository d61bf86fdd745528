/** Gradients around products of small integers, which have none themselves; g is the output's gradient. */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import * as Rule from "../Rule.ts"

/** 1 where x is greatest, if that is positive; equal ones share. */
const greatest = (x: Value): Value => {
  const top = Op.Equal(x, Op.ReduceMax(x, { keepdims: 0 }))
  const found = Op.Cast(Op.And(top, Op.Greater(x, 0)), x.dtype)
  return Op.Div(found, Op.Max(Op.ReduceSum(found, { keepdims: 0 }), 1))
}

export const quantisation = {
  // Of the scale alone, (max(x, 0) − min(x, 0)) / 255: ∂x = g / 255 at the greatest, −g / 255 at the least
  DynamicQuantizeLinear: Rule.make<"DynamicQuantizeLinear">(({ inputs: [x] }, [, g]) => [
    g === undefined ? undefined : () => Op.Mul(Op.Div(g, 255), Op.Sub(greatest(x), greatest(Op.Neg(x)))),
  ]),
  MatMulInteger: Rule.none("whole numbers do not change by small steps"),
}
