/** Any number of labels an example, each by itself: binary cross-entropy of every label. */
import { Schema } from "effect"
import * as BinaryCrossEntropy from "../BinaryCrossEntropy.ts"
import type { EncoderConfig } from "../EncoderConfig.ts"
import * as HeadNetwork from "./HeadNetwork.ts"

export const MultiLabel = Schema.Struct({
  kind: Schema.Literal("multiLabel"),
  /** `cls` is the family's own form. */
  pooling: Schema.Literals(["cls", "mean"]),
  /** A label that is likelier than this is answered. The loss does not know it. */
  threshold: Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThan(1)),
})
export type MultiLabel = typeof MultiLabel.Type

/** `labels` int32 [batch, classes]: 1, 0 or, in the whole row of an example without labels, negative. */
export const network = (
  { pooling }: MultiLabel,
  task: string,
  classes: number,
  config: EncoderConfig,
): HeadNetwork.HeadNetwork => {
  const head = HeadNetwork.ofFamily(pooling, task, classes, config)
  return {
    ...head,
    units: ["batch"],
    loss: (weights, vectors, { input, classWeights, units }, drop) =>
      BinaryCrossEntropy.loss(head.logits(weights, vectors, drop), input("labels", "int32", ["batch", classes]), {
        positiveWeights: classWeights,
        units,
      }),
    counted: BinaryCrossEntropy.counted,
  }
}
