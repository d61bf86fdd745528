/**
 * Texts that are to be nearer to one text than to another: the mean over the triplets of
 *
 *   max(0, d(a, p) − d(a, n) + m)
 *
 * for the vectors a, p and n of the three texts, a distance d and the margin m (Reimers & Gurevych 2019, arXiv 1908.10084,
 * section 3, triplet objective; sentence-transformers' `TripletLoss`).
 */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as Pairs from "./Pairs.ts"
import * as Similarity from "./Similarity.ts"

export const Triplet = Schema.TaggedStruct("triplet", {
  /** m, in units of the distance. */
  margin: Schema.Number.check(Schema.isGreaterThan(0)),
  /** `cosine` is 1 − cos. */
  distance: Schema.Literals(["euclidean", "cosine"]),
})
export type Triplet = typeof Triplet.Type

export const loss = ({ margin, distance }: Triplet, vectors: Pairs.Vectors, asked: Pairs.Asked): Value => {
  const of = Similarity.distances[distance]
  const anchors = Pairs.texts(vectors, asked, "anchors")
  const near = of(anchors, Pairs.texts(vectors, asked, "others"))
  const far = of(anchors, Pairs.texts(vectors, asked, "negatives"))
  return Pairs.mean(Op.Relu(Op.Add(Op.Sub(near, far), margin)), asked)
}
