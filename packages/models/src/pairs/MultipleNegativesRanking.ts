/**
 * Pairs whose second text is to be nearest among those of all pairs of the batch: the mean over the pairs of
 *
 *   −log( exp(s·cos(aᵢ, cᵢ)) / Σⱼ exp(s·cos(aᵢ, cⱼ)) )
 *
 * for the vector aᵢ of a pair's first text, those cⱼ of every pair's second text and of all negatives, and the scale s
 * (Henderson et al. 2017, arXiv 1705.00652, section 4.4, with cosines for dot products; sentence-transformers'
 * `MultipleNegativesRankingLoss`). Symmetric, it is the mean of that and of the same with the texts exchanged, negatives
 * left out (`MultipleNegativesSymmetricRankingLoss`).
 *
 * The sum over j leaves out what may be as right as the pair's own: see `rivals` in `Pairs`. Without equal texts in a batch
 * all are rivals, and the loss is the one above.
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as CrossEntropy from "../CrossEntropy.ts"
import { masked } from "../Inputs.ts"
import * as Pairs from "./Pairs.ts"
import * as Similarity from "./Similarity.ts"

export const MultipleNegativesRanking = Schema.TaggedStruct("multipleNegativesRanking", {
  /** s, 1/temperature. */
  scale: Schema.Number.check(Schema.isGreaterThan(0)),
  /** `anchor`: each first text finds its second; `both`: each second its first, too. */
  asks: Schema.Literals(["anchor", "both"]),
})
export type MultipleNegativesRanking = typeof MultipleNegativesRanking.Type

export const loss = ({ scale, asks }: MultipleNegativesRanking, vectors: Pairs.Vectors, asked: Pairs.Asked): Value => {
  const anchors = Pairs.texts(vectors, asked, "anchors")
  const candidates = Op.Gather(vectors, asked.input("candidates", "int32", ["candidates"]), { axis: 0 })
  const rivals = asked.input("rivals", "int32", ["pairs", "candidates"])
  const own = Op.Range(0, Extent.of(anchors, 0))
  const found = (from: Value, among: Value, allowed: Value): Value => {
    const absent = Op.Mul(Op.Cast(Op.Sub(1, allowed), "float32"), masked)
    const scores = Op.Add(Op.Mul(Similarity.cosines(from, among), scale), absent)
    return CrossEntropy.loss(scores, Op.Cast(own, "int32"), { units: asked.units })
  }
  const forward = found(anchors, candidates, rivals)
  if (asks === "anchor") return forward
  const ownRivals = Op.Transpose(Op.Gather(rivals, own, { axis: 1 }), { perm: [1, 0] })
  const others = Op.Gather(candidates, own, { axis: 0 })
  return Op.Mul(Op.Add(forward, found(others, anchors, ownRivals)), 0.5)
}
