/**
 * The contrastive loss of a batch's hard pairs alone (sentence-transformers' `OnlineContrastiveLoss`):
 *
 *   Σ d² over pairs that are alike and farther apart than the nearest that are not
 *   + Σ max(0, m − d)² over pairs that are not alike and nearer than the farthest that are
 *
 * with d and m as in `Contrastive`. Where a batch has at most one pair of a kind, those of the other kind are measured
 * against their own mean. As there, it is a sum: it grows with the batch.
 */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as Contrastive from "./Contrastive.ts"
import * as Pairs from "./Pairs.ts"

export const OnlineContrastive = Schema.TaggedStruct("onlineContrastive", Contrastive.fields)
export type OnlineContrastive = typeof OnlineContrastive.Type

/** `labels` int32 [pairs]: 1 or 0. */
export const loss = ({ margin }: OnlineContrastive, vectors: Pairs.Vectors, asked: Pairs.Asked): Value => {
  const { distance, near, apart, alike, unlike } = Contrastive.terms(margin, vectors, asked)
  const farthest = extreme(distance, alike, unlike)
  const nearest = Op.Neg(extreme(Op.Neg(distance), unlike, alike))
  const isHard = (condition: Value) => Op.Cast(condition, "float32")
  return Op.Add(
    Pairs.sum(Op.Mul(Op.Mul(alike, near), isHard(Op.Greater(distance, nearest)))),
    Pairs.sum(Op.Mul(Op.Mul(unlike, apart), isHard(Op.Less(distance, farthest)))),
  )
}

/** Farther than any distance between two directions. */
const beyond = 4

/** The largest of `of` where `own` is 1; the mean where `other` is 1 unless `own` is at two places. */
const extreme = (of: Value, own: Value, other: Value): Value => {
  const largest = Op.ReduceMax(Op.Sub(of, Op.Mul(Op.Sub(1, own), beyond)), { axes: [0], keepdims: 0 })
  const mean = Op.Div(Pairs.sum(Op.Mul(of, other)), Op.Max(Pairs.sum(other), 1))
  return Op.Where(Op.Greater(Pairs.sum(own), 1), largest, mean)
}
