/** The vocabulary's tokens that were hidden, by cross-entropy over the vocabulary; texts need no labels. */
import * as Op from "@thaw/onnx/Op"
import { Schema } from "effect"
import * as CrossEntropy from "../CrossEntropy.ts"
import type { EncoderConfig } from "../EncoderConfig.ts"
import * as Group from "../Group.ts"
import * as MaskedHead from "../MaskedHead.ts"
import type { HeadNetwork } from "./HeadNetwork.ts"

export const MaskedTokens = Schema.Struct({
  kind: Schema.Literal("maskedTokens"),
  /** Share of the tokens that are asked for. */
  rate: Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThan(1)),
  /** What is hidden as one: a token, or all tokens of a word. */
  unit: Schema.Literals(["token", "word"]),
})
export type MaskedTokens = typeof MaskedTokens.Type

/** `places` int32 [masked] of the hidden tokens among those of the batch, and `labels` int32 [masked] of what they were. */
export const network = (_: MaskedTokens, task: string, config: EncoderConfig): HeadNetwork => {
  const head = MaskedHead.tied(config, Group.head(task))
  const logits: HeadNetwork["logits"] = (weights, vectors) => MaskedHead.logits(head, weights, vectors)
  const units = ["masked"]
  return {
    parameters: MaskedHead.ownParameters(head),
    reads: "tokens",
    logits,
    units,
    loss: (weights, vectors, { input, ...options }) => {
      const places = input("places", "int32", units)
      const asked = logits(weights, Op.Gather(vectors, places, { axis: 0 }))
      return CrossEntropy.loss(asked, input("labels", "int32", units), options)
    },
    counted: CrossEntropy.counted,
  }
}
