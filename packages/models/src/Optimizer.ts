/**
 * One application of gradients to weights: all are clipped by their global norm, then each weight takes its step by AdamW or
 * by SGD.
 */
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as AdamW from "./AdamW.ts"
import * as Clipping from "./Clipping.ts"
import * as Group from "./Group.ts"
import type { Parameter } from "./Parameter.ts"
import * as Sgd from "./Sgd.ts"

/** As authors choose it: `AdamW.make({ … })` or `Sgd.make({ … })`. */
export const Optimizer = Schema.Union([AdamW.AdamW, Sgd.Sgd])
export type Optimizer = typeof Optimizer.Type

/** As people write it. */
export const names = { adamW: "AdamW", sgd: "SGD" } as const satisfies Record<Optimizer["_tag"], string>

/** What the rates of groups depend on. */
export interface Rating {
  readonly optimizer: Optimizer
  /**
   * L2-SP (Li et al. 2018, arXiv 1802.01483): the encoder's parameters, biases and norms too, decay toward the weights
   * that the phase started with, this much, in place of toward 0. Heads and adapters have no start worth keeping: they
   * decay as `optimizer` says.
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

/** Names of what an optimizer keeps of a parameter from update to update. */
export const moments = (optimizer: Optimizer, name: string): ReadonlyArray<string> =>
  optimizer._tag === "adamW" ? AdamW.moments(name) : Sgd.moments(optimizer, name)

/** Names of all that any optimizer may have kept of a parameter. */
export const everyMoment = (name: string): ReadonlyArray<string> =>
  [AdamW.make(), Sgd.make()].flatMap((optimizer) => moments(optimizer, name))

/** Name of the weights that a parameter started with. */
export const start = (name: string): string => `start.${name}`

/** Whether a group's weights decay toward their start. */
export const returns = ({ l2sp = 0 }: Rating, group: Group.Group): boolean =>
  l2sp !== 0 && Group.taskOf(group) === undefined && !Group.isAdapters(group)

/** A parameter and what is kept of it, before an update or after. */
interface State {
  readonly weight: Value.Value
  /** In the order of `moments`. */
  readonly moments: ReadonlyArray<Value.Value>
}

/** A gradient as it comes, and its square, which clipping needs too. */
type Given = Changed & AdamW.Gradient

type Stepping = (before: State, given: Given, rates: ReadonlyArray<Value.Value>) => State

/**
 * Graph inputs: moments (see `moments`), `rates.<group>` and, where weights decay toward their start, `start.*`.
 */
export const apply = (settings: Settings, changed: ReadonlyArray<Changed>): Applied => {
  const { optimizer, maxGradientNorm } = settings
  // The square serves the norm and the second moment.
  const squared = changed.map((each) => ({ ...each, square: Op.Mul(each.gradient, each.gradient) }))
  const gradientNorm = Clipping.globalNorm(squared.map(({ square }) => square))
  const clip = Clipping.factor(gradientNorm, maxGradientNorm)
  const step = optimizer._tag === "adamW" ? byAdamW(settings, optimizer, clip) : bySgd(settings, optimizer, clip)
  const ratesOf = groupRates(optimizer)
  const next: Record<string, Value.Value> = {}
  for (const each of squared) {
    const { parameter, weight } = each
    const kept = moments(optimizer, parameter.name)
    const before = { weight, moments: kept.map((name) => Value.input(name, "float32", parameter.shape)) }
    const after = step(before, each, ratesOf(parameter.group))
    next[parameter.name] = after.weight
    kept.forEach((name, at) => (next[name] = after.moments[at]!))
  }
  return { gradientNorm, next }
}

const byAdamW = (settings: Settings, optimizer: AdamW.AdamW, clip: Value.Value): Stepping => {
  const scales = AdamW.scales(optimizer, clip)
  return ({ weight, moments: [m, v] }, given, [stepSize, epsilon, shrink]) => {
    const before = { weight, m: m!, v: v! }
    const rates = { stepSize: stepSize!, epsilon: epsilon!, shrink: shrink! }
    const after = AdamW.update(optimizer, before, given, scales, rates, decayOf(settings, given.parameter))
    return { weight: after.weight, moments: [after.m, after.v] }
  }
}

const decayOf = (settings: Settings, { name, group, shape, decays }: Parameter): AdamW.Decay =>
  returns(settings, group)
    ? AdamW.toward(Value.input(start(name), "float32", shape))
    : decays && settings.optimizer.weightDecay !== 0
      ? AdamW.towardZero
      : AdamW.noDecay

const bySgd = (settings: Settings, optimizer: Sgd.Sgd, clip: Value.Value): Stepping => {
  return ({ weight, moments: [buffer] }, { parameter, gradient }, [rate]) => {
    const clipped = Op.Mul(gradient, clip)
    const pull = pullOf(settings, parameter, weight)
    const after = Sgd.update(optimizer, { weight, buffer }, pull === undefined ? clipped : Op.Add(clipped, pull), rate!)
    return { weight: after.weight, moments: after.buffer === undefined ? [] : [after.buffer] }
  }
}

/** What decay adds to a gradient. */
const pullOf = (
  settings: Settings,
  { name, group, shape, decays }: Parameter,
  weight: Value.Value,
): Value.Value | undefined => {
  const { weightDecay } = settings.optimizer
  if (returns(settings, group)) {
    return Op.Mul(Op.Sub(weight, Value.input(start(name), "float32", shape)), settings.l2sp ?? 0)
  }
  return decays && weightDecay !== 0 ? Op.Mul(weight, weightDecay) : undefined
}

/** Numbers a group needs in an update, as `rates.<group>` takes them. */
const ratesLength = ({ _tag }: Optimizer): number => (_tag === "adamW" ? AdamW.ratesLength : Sgd.ratesLength)

/** The numbers of a group for its `count`-th update (from 1), as `rates.<group>` takes them. */
export const ratesOf = (settings: Rating, group: Group.Group, rate: number, count: number): ReadonlyArray<number> => {
  const { optimizer } = settings
  if (optimizer._tag === "sgd") return Sgd.ratesOf(rate)
  return returns(settings, group)
    ? AdamW.ratesTowardStart(optimizer, rate, count, settings.l2sp ?? 0)
    : AdamW.ratesOf(optimizer, rate, count)
}

/** The numbers of each group, cut out of one input per group. */
const groupRates = (optimizer: Optimizer): ((group: Group.Group) => ReadonlyArray<Value.Value>) => {
  const made = new Map<Group.Group, ReadonlyArray<Value.Value>>()
  return (group) => {
    const known = made.get(group)
    if (known !== undefined) return known
    const input = Value.input(`rates.${group}`, "float32", [ratesLength(optimizer)])
    const rates = Array.from({ length: ratesLength(optimizer) }, (_, at) =>
      Op.Slice(input, { starts: [at], ends: [at + 1], axes: [0] }),
    )
    made.set(group, rates)
    return rates
  }
}
