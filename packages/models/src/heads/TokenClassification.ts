/** One label a token, such as BIO tags, by cross-entropy over the labels. */
import * as Op from "@thaw/onnx/Op"
import { Schema } from "effect"
import * as CrossEntropy from "../CrossEntropy.ts"
import type { EncoderConfig } from "../EncoderConfig.ts"
import * as HeadNetwork from "./HeadNetwork.ts"

export const TokenClassification = Schema.Struct({ kind: Schema.Literal("tokenClassification") })
export type TokenClassification = typeof TokenClassification.Type

/** `labels` int32 [batch, tokens], negative for none. */
export const network = (
  _: TokenClassification,
  task: string,
  classes: number,
  config: EncoderConfig,
): HeadNetwork.HeadNetwork => {
  const head = HeadNetwork.ofFamily("tokens", task, classes, config)
  const units = ["batch", "tokens"]
  return {
    ...head,
    units,
    loss: (weights, vectors, { input, ...options }, drop) => {
      const labels = Op.Reshape(input("labels", "int32", units), [-1])
      return CrossEntropy.loss(head.logits(weights, vectors, drop), labels, options)
    },
    counted: CrossEntropy.counted,
  }
}
