/**
 * Stochastic gradient descent with momentum (Sutskever et al. 2013), equal to `torch.optim.SGD` with dampening 0:
 *
 *   g ← g + decay·p
 *   b ← momentum·b + g
 *   p ← p − rate·b                    nesterov: p ← p − rate·(g + momentum·b)
 *
 * b starts at 0, so that its first value is the gradient, as torch has it. The decay is part of the gradient, after
 * clipping: it enters the momentum, which AdamW's does not. Without momentum there is no b.
 */
import * as Op from "@thaw/onnx/Op"
import type * as Value from "@thaw/onnx/Value"
import { Schema } from "effect"

export const Sgd = Schema.TaggedStruct("sgd", {
  momentum: Schema.Number.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(1)),
  nesterov: Schema.Boolean,
  weightDecay: Schema.Number.check(Schema.isGreaterThanOrEqualTo(0)),
})
export type Sgd = typeof Sgd.Type

/** Momentum 0.9 and no decay unless given. Its rates are far larger than AdamW's. */
export const make = (options: Partial<Omit<Sgd, "_tag">> = {}): Sgd => ({
  _tag: "sgd",
  momentum: 0.9,
  nesterov: false,
  weightDecay: 0,
  ...options,
})

/** Names of what is kept of a parameter from update to update: torch's word for it. */
export const moments = ({ momentum }: Sgd, name: string): ReadonlyArray<string> =>
  momentum === 0 ? [] : [`momentum_buffer.${name}`]

/** The numbers of a group for an update: its rate. */
export const ratesOf = (rate: number): ReadonlyArray<number> => [rate]

/** Numbers a group needs in an update. */
export const ratesLength = 1

export interface State {
  readonly weight: Value.Value
  /** b; undefined without momentum. */
  readonly buffer: Value.Value | undefined
}

/**
 * The parameter and its buffer after an update, all in the parameter's shape.
 *
 * @param gradient clipped, and with the decay
 */
export const update = (
  { momentum, nesterov }: Sgd,
  { weight, buffer }: State,
  gradient: Value.Value,
  rate: Value.Value,
): State => {
  if (buffer === undefined) return { weight: Op.Sub(weight, Op.Mul(gradient, rate)), buffer }
  const after = Op.Add(Op.Mul(buffer, momentum), gradient)
  const direction = nesterov ? Op.Add(gradient, Op.Mul(after, momentum)) : after
  return { weight: Op.Sub(weight, Op.Mul(direction, rate)), buffer: after }
}
