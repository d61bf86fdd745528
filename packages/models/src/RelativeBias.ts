/**
 * Learnt biases of distances, one number for each head and bucket (T5, arXiv 1910.10683 section 2.1, as MPNet has them):
 * near distances have a bucket each, farther ones share, more and more of them, and all from `farthest` on are one.
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import type { Dimensions } from "./Dimensions.ts"
import * as Group from "./Group.ts"
import * as OneHot from "./OneHot.ts"
import * as ScoreBias from "./ScoreBias.ts"

/** Half of them for each direction. */
export const buckets = 32
const farthest = 128

/**
 * The bucket of a key that stands so many places to the right of its query. Rounded to float32 at every step, as
 * upstream's logarithms are: buckets begin at distances where the last bit decides.
 */
export const bucketOf = (distance: number): number => {
  const half = buckets / 2
  const exact = half / 2
  const far = Math.abs(distance)
  const { fround, log } = Math
  const steps = fround(fround(fround(log(fround(far / exact))) / fround(log(farthest / exact))) * (half - exact))
  const bucket = far < exact ? far : Math.min(exact + Math.trunc(steps), half - 1)
  return distance > 0 ? half + bucket : bucket
}

/**
 * The table stands with the embeddings: it is theirs to freeze, and every block reads it.
 *
 * @param name of the table, [buckets, heads]
 */
export const make = (name: string, { heads, positions, initializerRange }: Dimensions): ScoreBias.ScoreBias => {
  const table = {
    name: `${name}.weight`,
    shape: [buckets, heads],
    group: Group.embeddings,
    decays: true,
    initial: { normal: initializerRange },
  }
  const places = Array.from({ length: 2 * positions - 1 }, (_, at) => bucketOf(at - positions + 1))
  const bucketsOf = Value.constant(Tensor.int32([places.length], places))
  return {
    parameters: [table],
    forward: (weights, inputs, asked) => {
      const distances = ScoreBias.distances(inputs, asked)
      const chosen = Op.Gather(bucketsOf, Op.Add(distances, positions - 1), { axis: 0 })
      const flat = Op.MatMul(OneHot.of(chosen, buckets), weights(table))
      const perHead = Op.Transpose(flat, { perm: [1, 0] })
      const biases = Op.Reshape(perHead, [heads, Extent.of(chosen, 0), Extent.of(chosen, 1)])
      return Op.Add(inputs.attentionBias, Op.Unsqueeze(biases, { axes: [0] }))
    },
  }
}
