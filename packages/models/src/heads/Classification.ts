/** One label an example, by cross-entropy over the labels. */
import { Schema } from "effect"
import * as CrossEntropy from "../CrossEntropy.ts"
import type { EncoderConfig } from "../EncoderConfig.ts"
import * as HeadNetwork from "./HeadNetwork.ts"

export const Classification = Schema.Struct({
  kind: Schema.Literal("classification"),
  /** `cls` is the family's own form. */
  pooling: Schema.Literals(["cls", "mean"]),
})
export type Classification = typeof Classification.Type

/** `labels` int32 [batch], negative for none. */
export const network = (
  { pooling }: Classification,
  task: string,
  classes: number,
  config: EncoderConfig,
): HeadNetwork.HeadNetwork => {
  const head = HeadNetwork.ofFamily(pooling, task, classes, config)
  const units = ["batch"]
  return {
    ...head,
    units,
    loss: (weights, vectors, { input, ...options }, drop) =>
      CrossEntropy.loss(head.logits(weights, vectors, drop), input("labels", "int32", units), options),
    counted: CrossEntropy.counted,
  }
}
