/**
 * Pairs whose cosine is to be their score: the mean over the pairs of
 *
 *   (cos(u, v) − score)²
 *
 * for the vectors u and v of the two texts (Reimers & Gurevych 2019, arXiv 1908.10084, section 3, regression objective;
 * sentence-transformers' `CosineSimilarityLoss`).
 */
import type { Value } from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as SquaredError from "../SquaredError.ts"
import * as Pairs from "./Pairs.ts"
import * as Similarity from "./Similarity.ts"

export const CosineSimilarity = Schema.TaggedStruct("cosineSimilarity", {})
export type CosineSimilarity = typeof CosineSimilarity.Type

/** `labels` float32 [pairs] are the scores. */
export const loss = (_: CosineSimilarity, vectors: Pairs.Vectors, asked: Pairs.Asked): Value => {
  const cosine = Similarity.cosine(Pairs.texts(vectors, asked, "anchors"), Pairs.texts(vectors, asked, "others"))
  return SquaredError.loss(cosine, Pairs.labels(asked, "float32"), { units: asked.units })
}
