/** What losses of pairs have in common: which texts they are given, and what they are divided by. */
import type { DataType } from "@thaw/onnx/DataType"
import type { Dimension } from "@thaw/onnx/Dimension"
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"

/** Vectors of texts of which each is a row of the batch, [batch, hidden]. */
export type Vectors = Value

export interface Asked {
  /**
   * An input of the graph that belongs to the task:
   *
   * ```
   * anchors, others, negatives   int32 [pairs]      rows of a pair's first and second text, and of what is unlike the first
   * labels                       [pairs]            how near the two are to be, see each loss
   * candidates                   int32 [candidates] rows of the second texts, in the order of the pairs, then of negatives
   * rivals                       int32 [pairs, candidates]   1 where a candidate is compared with the pair's own, and
   *                                                          of its own; 0 where it may be as right
   * ```
   */
  readonly input: (name: string, dtype: DataType, shape: ReadonlyArray<Dimension>) => Value
  /**
   * What a sum over pairs is divided by, a scalar: pairs of more batches than this one, so that the losses of the batches
   * add up to the mean over all. This batch's own unless given.
   */
  readonly units?: Value | undefined
}

const dimensions = ["pairs"] as const

/** Vectors of one text of every pair, [pairs, hidden]. */
export const texts = (vectors: Vectors, { input }: Asked, name: "anchors" | "others" | "negatives"): Value =>
  Op.Gather(vectors, input(name, "int32", dimensions), { axis: 0 })

/** What is said of every pair, [pairs]. */
export const labels = ({ input }: Asked, dtype: DataType): Value => input("labels", dtype, dimensions)

/** The mean over the pairs. */
export const mean = (losses: Value, { units }: Asked): Value =>
  units === undefined ? Op.ReduceMean(losses, { axes: [0], keepdims: 0 }) : Op.Div(sum(losses), units)

export const sum = (of: Value): Value => Op.ReduceSum(of, { axes: [0], keepdims: 0 })
