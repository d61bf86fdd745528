/**
 * Pairs that are alike or not: the mean over the pairs of
 *
 *   ½·y·d² + ½·(1 − y)·max(0, m − d)²
 *
 * for the distance d = 1 − cos of the two texts' vectors, the margin m, and y = 1 where they are alike, else 0 (Hadsell,
 * Chopra & LeCun 2006, equation 4, which has y the other way round; sentence-transformers' `ContrastiveLoss`).
 */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as Pairs from "./Pairs.ts"
import * as Similarity from "./Similarity.ts"

/** What both forms are told. */
export const fields = {
  /** m: how far apart, by 1 − cos, pairs that are not alike have to be. */
  margin: Schema.Number.check(Schema.isGreaterThan(0)),
  /** The label of pairs that are alike; those with any other are not. */
  alike: Schema.NonEmptyString,
} as const

export const Contrastive = Schema.TaggedStruct("contrastive", fields)
export type Contrastive = typeof Contrastive.Type

/** `labels` int32 [pairs]: 1 or 0. */
export const loss = ({ margin }: Contrastive, vectors: Pairs.Vectors, asked: Pairs.Asked): Value => {
  const { near, apart, alike, unlike } = terms(margin, vectors, asked)
  return Op.Mul(Pairs.mean(Op.Add(Op.Mul(alike, near), Op.Mul(unlike, apart)), asked), 0.5)
}

/** Of every pair, [pairs]: what it costs to be alike and to be not, and 1 or 0 whether it is. */
export const terms = (margin: number, vectors: Pairs.Vectors, asked: Pairs.Asked) => {
  const [anchors, others] = [Pairs.texts(vectors, asked, "anchors"), Pairs.texts(vectors, asked, "others")]
  const distance = Similarity.distances.cosine(anchors, others)
  const short = Op.Relu(Op.Sub(margin, distance))
  const alike = Op.Cast(Pairs.labels(asked, "int32"), "float32")
  return {
    distance,
    near: Op.Mul(distance, distance),
    apart: Op.Mul(short, short),
    alike,
    unlike: Op.Sub(1, alike),
  }
}
