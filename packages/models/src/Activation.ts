/** What stands between the two maps of a block's second half. */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import type { Activation } from "./Dimensions.ts"

/** Upstream's names, our operators. */
export const named: Readonly<Record<Activation, (x: Value) => Value>> = {
  gelu: (x) => Op.Gelu(x),
  gelu_new: (x) => Op.Gelu(x, { approximate: "tanh" }),
  relu: Op.Relu,
}

/**
 * One half of the numbers, activated, says how much of the other goes through (GeGLU with `gelu`: Shazeer 2020, arXiv
 * 2002.05202).
 *
 * @returns from [rows, 2·width] to [rows, width]
 */
export const gated =
  (name: Activation, width: number) =>
  (x: Value): Value => {
    const part = (start: number) => Op.Slice(x, { starts: [start], ends: [start + width], axes: [1] })
    return Op.Mul(named[name](part(0)), part(width))
  }
