/**
 * Vectors of whole texts, near for texts that belong together (Reimers & Gurevych 2019, arXiv 1908.10084). The vector is
 * the encoder's own, pooled: the head has no weights, and what it learns is in the encoder.
 */
import { Schema } from "effect"
import * as PairLoss from "../PairLoss.ts"
import type { HeadNetwork } from "./HeadNetwork.ts"

export const SentenceEmbedding = Schema.Struct({
  kind: Schema.Literal("sentenceEmbedding"),
  /** How the vectors of a text's tokens become one. */
  pooling: Schema.Literals(["cls", "mean"]),
  loss: PairLoss.PairLoss,
})
export type SentenceEmbedding = typeof SentenceEmbedding.Type

/** Of pairs whose texts are rows of the batch, see `pairs/Pairs`. A text's logits are its vector, [batch, hidden]. */
export const network = ({ pooling, loss }: SentenceEmbedding): HeadNetwork => ({
  parameters: [],
  reads: pooling,
  logits: (_, vectors) => vectors,
  units: ["pairs"],
  loss: (_, vectors, { input, units }) => PairLoss.loss(loss, vectors, { input, units }),
  counted: PairLoss.counted,
})
