/** Normalisation over the last axis with learnt gain and bias (Ba et al. 2016, arXiv 1607.06450). */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import type { Group } from "./Group.ts"
import type { Parameter, Weights } from "./Parameter.ts"

export interface LayerNorm {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly epsilon: number
}

export interface Options {
  readonly hidden: number
  readonly epsilon: number
}

export const make = (name: string, group: Group, { hidden, epsilon }: Options): LayerNorm => ({
  weight: { name: `${name}.weight`, shape: [hidden], group, decays: false, initial: "ones" },
  bias: { name: `${name}.bias`, shape: [hidden], group, decays: false, initial: "zeros" },
  epsilon,
})

/** With a gain alone. */
export const unbiased = (name: string, group: Group, options: Options): LayerNorm => ({
  ...make(name, group, options),
  bias: undefined,
})

export const parameters = ({ weight, bias }: LayerNorm): ReadonlyArray<Parameter> =>
  bias === undefined ? [weight] : [weight, bias]

export const forward = ({ weight, bias, epsilon }: LayerNorm, weights: Weights, x: Value): Value =>
  Op.LayerNormalization(x, weights(weight), bias === undefined ? undefined : weights(bias), { axis: -1, epsilon }).Y
