/**
 * A number an example, by squared error. Scores may be of any size, so the head learns them in a measure of their own:
 *
 * ```
 * z = head(vector)                  learned: (z − (score − center) / scale)²
 * answer = center + scale · z
 * ```
 *
 * With the mean and the standard deviation of the training scores the loss of always giving the mean is 1, whatever the
 * scores are, and it stands beside losses of other tasks.
 */
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import { Schema } from "effect"
import type { EncoderConfig } from "../EncoderConfig.ts"
import * as SquaredError from "../SquaredError.ts"
import * as HeadNetwork from "./HeadNetwork.ts"

export const Regression = Schema.Struct({
  kind: Schema.Literal("regression"),
  /** `cls` is the family's own form. */
  pooling: Schema.Literals(["cls", "mean"]),
  /** 0 and 1 where absent. */
  center: Schema.optionalKey(Schema.Finite),
  scale: Schema.optionalKey(Schema.Finite.check(Schema.isGreaterThan(0))),
})
export type Regression = typeof Regression.Type

/** The head with what it was not told of its measure: that of the scores. A scale of scores that are all the same is 1. */
export const measured = (head: Regression, scores: Iterable<number>): Regression => {
  const all = Float64Array.from(scores)
  const mean = all.reduce((sum, score) => sum + score / all.length, 0)
  const variance = all.reduce((sum, score) => sum + (score - mean) ** 2 / all.length, 0)
  // Of equal numbers rounding may leave a variance.
  return { center: mean, scale: all.every((score) => score === all[0]) ? 1 : Math.sqrt(variance), ...head }
}

/** A score as the head learns it. */
export const inMeasure = ({ center = 0, scale = 1 }: Regression, score: number): number => (score - center) / scale

/** `labels` float32 [batch], as the head learns them, NaN for none. */
export const network = (
  { pooling, center = 0, scale = 1 }: Regression,
  task: string,
  config: EncoderConfig,
): HeadNetwork.HeadNetwork => {
  const head = HeadNetwork.ofFamily(pooling, task, 1, config)
  const units = ["batch"]
  return {
    ...head,
    units,
    logits: (weights, vectors, drop) => Op.Add(Op.Mul(head.logits(weights, vectors, drop), scale), center),
    loss: (weights, vectors, { input, units: count }, drop) => {
      const answers = Op.Squeeze(head.logits(weights, vectors, drop), { axes: [1] })
      return SquaredError.loss(answers, input("labels", "float32", units), { units: count })
    },
    counted: SquaredError.counted,
  }
}

/**
 * The head's tensors with the measure inside its last map, so that the family's own class gives answers: the weight times
 * the scale, the bias times the scale plus the center.
 */
export const folded = (
  { center = 0, scale = 1 }: Regression,
  { parameters }: Pick<HeadNetwork.HeadNetwork, "parameters">,
  tensors: Readonly<Record<string, Tensor.Tensor>>,
): Readonly<Record<string, Tensor.Tensor>> => {
  // Every family's head ends with a map from vectors to the answer: weight and bias.
  const [weight, bias] = parameters.slice(-2)
  const changed = (name: string, of: (number: number) => number) => {
    const tensor = tensors[name]!
    return [name, Tensor.float32(tensor.shape, Tensor.numbers(tensor).map(of))] as const
  }
  return {
    ...tensors,
    ...Object.fromEntries([
      changed(weight!.name, (number) => number * scale),
      changed(bias!.name, (number) => number * scale + center),
    ]),
  }
}
