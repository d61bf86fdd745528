/** y = x · Wᵀ + b, with W as upstream stores it: [outputs, inputs]; where there is an adapter, its path is added. */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import * as Dropout from "./Dropout.ts"
import type { Group } from "./Group.ts"
import type { Parameter, Weights } from "./Parameter.ts"

export interface Linear {
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  readonly adapter?: Adapter
  /** The outputs that are computed, where a family keeps several maps in one weight; all where absent. */
  readonly outputs?: Outputs
}

/** Rows of W from `start` up to, not including, `end`. */
export interface Outputs {
  readonly start: number
  readonly end: number
}

/** A low-rank path beside the map, see `Lora`: scale · (x · Aᵀ) · Bᵀ. */
export interface Adapter {
  /** A, [rank, inputs] */
  readonly down: Parameter
  /** B, [outputs, rank] */
  readonly up: Parameter
  readonly scale: number
  /** Where what A reads may be dropped. */
  readonly site: Dropout.Site
}

export interface Options {
  readonly inputs: number
  readonly outputs: number
  /** Standard deviation of new weights. */
  readonly initializerRange: number
}

export const make = (name: string, group: Group, { inputs, outputs, initializerRange }: Options): Linear => ({
  weight: {
    name: `${name}.weight`,
    shape: [outputs, inputs],
    group,
    decays: true,
    initial: { normal: initializerRange },
  },
  bias: { name: `${name}.bias`, shape: [outputs], group, decays: false, initial: "zeros" },
})

/** y = x · Wᵀ */
export const unbiased = (name: string, group: Group, options: Options): Linear => ({
  ...make(name, group, options),
  bias: undefined,
})

export const parameters = ({ weight, bias, adapter }: Linear): ReadonlyArray<Parameter> => [
  weight,
  ...(bias === undefined ? [] : [bias]),
  ...(adapter === undefined ? [] : [adapter.down, adapter.up]),
]

/**
 * The bias goes into the product's own accumulator, and what the map gives into that of its adapter.
 *
 * @param x [rows, inputs], rows being anything flattened
 */
export const forward = (
  { weight, bias, adapter, outputs }: Linear,
  weights: Weights,
  x: Value,
  drop: Dropout.Drop = Dropout.none,
): Value => {
  const taken = (parameter: Parameter) =>
    outputs === undefined
      ? weights(parameter)
      : Op.Slice(weights(parameter), { starts: [outputs.start], ends: [outputs.end], axes: [0] })
  const y = Op.Gemm(x, taken(weight), bias === undefined ? undefined : taken(bias), { transB: 1 })
  if (adapter === undefined) return y
  const low = Op.Gemm(drop(x, adapter.site), weights(adapter.down), undefined, { transB: 1 })
  return Op.Gemm(low, taken(adapter.up), y, { alpha: adapter.scale, transB: 1 })
}
