/** A number an example, by squared error. */
import * as Op from "@thaw/onnx/Op"
import { Schema } from "effect"
import type { EncoderConfig } from "../EncoderConfig.ts"
import * as SquaredError from "../SquaredError.ts"
import * as HeadNetwork from "./HeadNetwork.ts"

export const Regression = Schema.Struct({
  kind: Schema.Literal("regression"),
  /** `cls` is the family's own form. */
  pooling: Schema.Literals(["cls", "mean"]),
})
export type Regression = typeof Regression.Type

/** `labels` float32 [batch], NaN for none. */
export const network = ({ pooling }: Regression, task: string, config: EncoderConfig): HeadNetwork.HeadNetwork => {
  const head = HeadNetwork.ofFamily(pooling, task, 1, config)
  const units = ["batch"]
  return {
    ...head,
    units,
    loss: (weights, vectors, { input, units: count }, drop) => {
      const predictions = Op.Squeeze(head.logits(weights, vectors, drop), { axes: [1] })
      return SquaredError.loss(predictions, input("labels", "float32", units), { units: count })
    },
    counted: SquaredError.counted,
  }
}
