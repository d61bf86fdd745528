/**
 * One application of gradients to weights: all are clipped by their global norm, then each weight and its two moments take
 * their AdamW step.
 */
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"
import * as AdamW from "./AdamW.ts"
import * as Clipping from "./Clipping.ts"
import * as Group from "./Group.ts"
import type { Parameter } from "./Parameter.ts"

/** What the rates of groups depend on. */
export interface Rating {
  readonly adamW: AdamW.Settings
  /**
   * L2-SP (Li et al. 2018, arXiv 1802.01483): the encoder's parameters, biases and norms too, decay toward the weights
   * that the phase started with, this much, in place of toward 0. Heads and adapters have no start worth keeping: they
   * decay as `adamW` says.
   */
  readonly l2sp?: number | undefined
}

export interface Settings extends Rating {
  /** Largest global norm of the gradients. */
  readonly maxGradientNorm: number
}

/** A parameter that an update changes. */
export interface Changed {
  readonly parameter: Parameter
  readonly weight: Value.Value
  readonly gradient: Value.Value
}

export interface Applied {
  /** Before clipping. */
  readonly gradientNorm: Value.Value
  /** Weights and moments afterwards, by their names. */
  readonly next: Readonly<Record<string, Value.Value>>
}

/** Names of a parameter's two moments: torch's words for them. */
export const moments = (name: string): { readonly m: string; readonly v: string } => ({
  m: `exp_avg.${name}`,
  v: `exp_avg_sq.${name}`,
})

/** Name of the weights that a parameter started with. */
export const start = (name: string): string => `start.${name}`

/** Whether a group's weights decay toward their start. */
export const returns = ({ l2sp = 0 }: Rating, group: Group.Group): boolean =>
  l2sp !== 0 && Group.taskOf(group) === undefined && !Group.isAdapters(group)

/** Graph inputs: `exp_avg.*`, `exp_avg_sq.*`, `rates.<group>` and, where weights decay toward their start, `start.*`. */
export const apply = (settings: Settings, changed: ReadonlyArray<Changed>): Applied => {
  const { adamW, maxGradientNorm } = settings
  // The square serves the norm and the second moment.
  const squared = changed.map((each) => ({ ...each, square: Op.Mul(each.gradient, each.gradient) }))
  const gradientNorm = Clipping.globalNorm(squared.map(({ square }) => square))
  const scales = AdamW.scales(adamW, Clipping.factor(gradientNorm, maxGradientNorm))
  const ratesOf = groupRates()
  const next: Record<string, Value.Value> = {}
  for (const { parameter, weight, gradient, square } of squared) {
    const names = moments(parameter.name)
    const input = (name: string) => Value.input(name, "float32", parameter.shape)
    const before = { weight, m: input(names.m), v: input(names.v) }
    const rates = ratesOf(parameter.group)
    const after = AdamW.update(adamW, before, { gradient, square }, scales, rates, decayOf(settings, parameter))
    next[parameter.name] = after.weight
    next[names.m] = after.m
    next[names.v] = after.v
  }
  return { gradientNorm, next }
}

const decayOf = (settings: Settings, { name, group, shape, decays }: Parameter): AdamW.Decay =>
  returns(settings, group)
    ? AdamW.toward(Value.input(start(name), "float32", shape))
    : decays && settings.adamW.weightDecay !== 0
      ? AdamW.towardZero
      : AdamW.noDecay

/** The numbers of a group for its `count`-th update (from 1), as `rates.<group>` takes them. */
export const ratesOf = (settings: Rating, group: Group.Group, rate: number, count: number) =>
  returns(settings, group)
    ? AdamW.ratesTowardStart(settings.adamW, rate, count, settings.l2sp ?? 0)
    : AdamW.ratesOf(settings.adamW, rate, count)

/** The three numbers of each group, cut out of one input per group. */
const groupRates = (): ((group: Group.Group) => AdamW.Rates) => {
  const made = new Map<Group.Group, AdamW.Rates>()
  return (group) => {
    const known = made.get(group)
    if (known !== undefined) return known
    const input = Value.input(`rates.${group}`, "float32", [AdamW.ratesLength])
    const number = (at: number) => Op.Slice(input, { starts: [at], ends: [at + 1], axes: [0] })
    const rates = { stepSize: number(0), epsilon: number(1), shrink: number(2) }
    made.set(group, rates)
    return rates
  }
}
