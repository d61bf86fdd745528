/**
 * AdamW (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2), equal to `torch.optim.AdamW`:
 *
 *   p ← p·(1 − rate·decay)
 *   m ← β₁·m + (1 − β₁)·g
 *   v ← β₂·v + (1 − β₂)·g²
 *   p ← p − rate/(1 − β₁ᵗ) · m / (√v/√(1 − β₂ᵗ) + ε)
 *
 * The last line is written as p − stepSize·m / (√v + epsilon) with both numbers times √(1 − β₂ᵗ) (Kingma & Ba, arXiv
 * 1412.6980, end of section 2): one pass over the weights less. t counts the updates that a parameter took part in. What
 * depends on t and on the rate are three numbers per group, computed outside the graph in float64, so the graph stays
 * the same from update to update.
 */
import * as Op from "@thaw/onnx/Op"
import type * as Value from "@thaw/onnx/Value"
import { Schema } from "effect"

export const AdamW = Schema.TaggedStruct("adamW", {
  beta1: Schema.Number,
  beta2: Schema.Number,
  epsilon: Schema.Number,
  weightDecay: Schema.Number,
})
export type AdamW = typeof AdamW.Type

/** β₁ 0.9, β₂ 0.999, ε 1e-8 and a decay of 0.01 unless given. */
export const make = (options: Partial<Omit<AdamW, "_tag">> = {}): AdamW => ({
  _tag: "adamW",
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  ...options,
})

/** Names of a parameter's two moments: torch's words for them. */
export const moments = (name: string): readonly [m: string, v: string] => [`exp_avg.${name}`, `exp_avg_sq.${name}`]

/** The three numbers of a group, each with one element. */
export interface Rates {
  /** rate·√(1 − β₂ᵗ)/(1 − β₁ᵗ) */
  readonly stepSize: Value.Value
  /** ε·√(1 − β₂ᵗ) */
  readonly epsilon: Value.Value
  /** 1 − rate·decay; where weights decay toward their start, rate·decay. */
  readonly shrink: Value.Value
}

/** Numbers a group needs in an update. */
export const ratesLength = 3

/** The three numbers of a group for its `count`-th update (from 1), in the order `stepSize`, `epsilon`, `shrink`. */
export const ratesOf = (settings: AdamW, rate: number, count: number): readonly [number, number, number] => {
  const correction = Math.sqrt(1 - settings.beta2 ** count)
  return [
    (rate * correction) / (1 - settings.beta1 ** count),
    settings.epsilon * correction,
    1 - rate * settings.weightDecay,
  ]
}

/**
 * The same for weights that decay toward their start. The last number is rate·decay itself: however small, float32 has
 * all its digits, of which 1 − it would lose most.
 */
export const ratesTowardStart = (
  settings: AdamW,
  rate: number,
  count: number,
  decay: number,
): readonly [number, number, number] => {
  const [stepSize, epsilon] = ratesOf(settings, rate, count)
  return [stepSize, epsilon, rate * decay]
}

/** What a weight becomes by decay alone; `shrink` as in `Rates`. */
export type Decay = (weight: Value.Value, shrink: Value.Value) => Value.Value

export const noDecay: Decay = (weight) => weight
/** p·(1 − rate·decay) */
export const towardZero: Decay = (weight, shrink) => Op.Mul(weight, shrink)
/**
 * p − rate·decay·(p − p₀): L2-SP (Li et al. 2018, arXiv 1802.01483), whose penalty decay/2·‖p − p₀‖² is here decoupled
 * from the gradient as AdamW decouples weight decay: it enters neither moments nor the norm that clips.
 */
export const toward =
  (start: Value.Value): Decay =>
  (weight, shrink) =>
    Op.Sub(weight, Op.Mul(Op.Sub(weight, start), shrink))

/**
 * What a gradient and its square are scaled by on their way into the moments. The clipping factor is part of it, so no
 * clipped gradient is ever written out.
 */
export interface Scales {
  /** clip·(1 − β₁) */
  readonly gradient: Value.Value
  /** clip²·(1 − β₂) */
  readonly square: Value.Value
}

/** @param clip the factor every gradient is scaled by, a scalar */
export const scales = ({ beta1, beta2 }: AdamW, clip: Value.Value): Scales => ({
  gradient: Op.Mul(clip, 1 - beta1),
  square: Op.Mul(Op.Mul(clip, clip), 1 - beta2),
})

export interface State {
  readonly weight: Value.Value
  readonly m: Value.Value
  readonly v: Value.Value
}

/** A parameter's gradient as it comes, and its square, which clipping needs too. */
export interface Gradient {
  readonly gradient: Value.Value
  readonly square: Value.Value
}

/** The parameter and its moments after an update, all in the parameter's shape. */
export const update = (
  { beta1, beta2 }: AdamW,
  before: State,
  { gradient, square }: Gradient,
  scale: Scales,
  { stepSize, epsilon, shrink }: Rates,
  decay: Decay,
): State => {
  const m = Op.Add(Op.Mul(before.m, beta1), Op.Mul(gradient, scale.gradient))
  const v = Op.Add(Op.Mul(before.v, beta2), Op.Mul(square, scale.square))
  return {
    weight: Op.Sub(decay(before.weight, shrink), Op.Div(Op.Mul(m, stepSize), Op.Add(Op.Sqrt(v), epsilon))),
    m,
    v,
  }
}
