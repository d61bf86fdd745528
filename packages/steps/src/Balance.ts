/**
 * Balancers: how much each task's loss, or its gradient, counts from update to update, as plain values.
 *
 * | balancer                         | what it looks at                          | what it changes           |
 * | -------------------------------- | ----------------------------------------- | ------------------------- |
 * | `plainSum`                       | nothing                                   | nothing                   |
 * | `normalised`                     | what guessing costs                       | weights, once             |
 * | `uncertainty`                    | losses                                    | weights, every update     |
 * | `dynamicWeightAverage`           | how fast losses fall                      | weights, every window     |
 * | `targets`, `custom`              | validation scores                         | weights, every evaluation |
 * | `gradNorm`                       | losses, norms of gradients at the top     | weights, every update     |
 * | `pcGrad`, `caGrad`, `equalNorms` | gradients below the heads                 | how gradients are summed  |
 *
 * A task's own weight (`tasks.<task>.weight`) is a factor beside what the balancer says. Only tasks that are drawn take
 * part: rehearsed ones do, those of frozen heads that are not drawn do not.
 */
import type { InvalidData } from "@thaw/core/Errors"
import type * as Head from "@thaw/models/Head"
import { Effect, Schema } from "effect"
import * as CAGrad from "./balance/CAGrad.ts"
import * as Custom from "./balance/Custom.ts"
import * as DynamicWeightAverage from "./balance/DynamicWeightAverage.ts"
import * as EqualNorms from "./balance/EqualNorms.ts"
import * as GradNorm from "./balance/GradNorm.ts"
import type * as Method from "./balance/Method.ts"
import * as Normalised from "./balance/Normalised.ts"
import * as PCGrad from "./balance/PCGrad.ts"
import * as PlainSum from "./balance/PlainSum.ts"
import * as Targets from "./balance/Targets.ts"
import * as Uncertainty from "./balance/Uncertainty.ts"

export const Balance = Schema.Union([
  PlainSum.PlainSum,
  Normalised.Normalised,
  Uncertainty.Uncertainty,
  DynamicWeightAverage.DynamicWeightAverage,
  Targets.Targets,
  Custom.Custom,
  GradNorm.GradNorm,
  PCGrad.PCGrad,
  CAGrad.CAGrad,
  EqualNorms.EqualNorms,
])
export type Balance = typeof Balance.Type

/** Losses count as their tasks' weights say: the baseline, with the raw losses told as beside every other balancer. */
export const plainSum = (): Balance => ({ _tag: "plainSum" })

/** Each loss divided by what guessing costs: log(labels), log 2 of several labels an example, 1 of numbers. */
export const normalised = (): Balance => ({ _tag: "normalised" })

/** Kendall et al. 2018: the noisier a task, the less it counts. `rate`, of the learned log σ², is 0.01 unless given. */
export const uncertainty = (options: { readonly rate?: number } = {}): Balance => ({
  _tag: "uncertainty",
  rate: 0.01,
  ...options,
})

/** Liu et al. 2019: tasks whose losses fall slowly count more. The window is so many updates, or an epoch; `temperature` 2 unless given. */
export const dynamicWeightAverage = (options: {
  readonly window: number | "epoch"
  readonly temperature?: number
}): Balance => ({ _tag: "dynamicWeightAverage", temperature: 2, ...options })

/** After every evaluation the task furthest below its target counts more, `raise` (1.25) times as much. */
export const targets = (
  targets: Readonly<Record<string, number>>,
  options: { readonly raise?: number; readonly metric?: string } = {},
): Balance => ({ _tag: "targets", targets, raise: 1.25, ...options })

/**
 * Weights by a function, asked before the first update and after every evaluation:
 * `Balance.custom(({ scores }) => ({ mood: (scores.mood?.accuracy ?? 0) < 0.8 ? 2 : 1 }))`.
 *
 * The phase's content key holds its source, and that is what runs: it may use nothing of the file that it stands in.
 * Throws `PipelineInvalid` when it cannot be read from its source.
 */
export const custom: (answer: Custom.Answer) => Balance = Custom.written

/** Chen et al. 2018: tasks train at similar rates. `alpha` 1.5, `rate` 0.025 and `initialUpdates` 10 unless given. */
export const gradNorm = (options: Partial<Omit<GradNorm.GradNorm, "_tag">> = {}): Balance => ({
  _tag: "gradNorm",
  alpha: 1.5,
  rate: 0.025,
  initialUpdates: 10,
  ...options,
})

/** Yu et al. 2020: what of a gradient points against another task's is taken out of it. */
export const pcGrad = (): Balance => ({ _tag: "pcGrad" })

/** Liu et al. 2021: near the mean gradient, the direction best for the task that gains least. `c` 0.5 unless given. */
export const caGrad = (options: { readonly c?: number } = {}): Balance => ({ _tag: "caGrad", c: 0.5, ...options })

/** Every task's gradient made as long as their mean. */
export const equalNorms = (): Balance => ({ _tag: "equalNorms" })

/** As people write it. */
export const names = {
  plainSum: "plain sum",
  normalised: "normalised",
  uncertainty: "uncertainty",
  dynamicWeightAverage: "dynamic weight average",
  targets: "targets",
  custom: "custom",
  gradNorm: "GradNorm",
  pcGrad: "PCGrad",
  caGrad: "CAGrad",
  equalNorms: "equal norms",
} as const satisfies Record<Balance["_tag"], string>

/** Whether it looks at the gradient of every task below the heads, so that every update needs examples of each. */
export const looksAtGradients = ({ _tag }: Balance): boolean =>
  _tag === "gradNorm" || _tag === "pcGrad" || _tag === "caGrad" || _tag === "equalNorms"

/** Weights before the first update, as far as they follow from what is told; undefined where only a run would tell. */
export const starting = (balance: Balance, guessing: number | undefined): number | undefined => {
  if (balance._tag === "custom") return undefined
  if (balance._tag !== "normalised") return 1
  return guessing === undefined ? undefined : Normalised.weight(guessing)
}

/** @param kinds of the tasks' heads */
export const machine = (
  balance: Balance,
  world: Method.World,
  kinds: Readonly<Record<string, Head.Head["kind"]>>,
): Effect.Effect<Method.Machine, InvalidData> => {
  switch (balance._tag) {
    case "plainSum":
      return Effect.succeed(PlainSum.machine(balance, world))
    case "normalised":
      return Effect.succeed(Normalised.machine(balance, world))
    case "uncertainty":
      return Effect.succeed(Uncertainty.machine(balance, world, (task) => Uncertainty.formOf[kinds[task]!]))
    case "dynamicWeightAverage":
      return Effect.succeed(DynamicWeightAverage.machine(balance, world))
    case "targets":
      return Effect.succeed(Targets.machine(balance, world))
    case "custom":
      return Custom.machine(balance, world)
    case "gradNorm":
      return Effect.succeed(GradNorm.machine(balance, world))
    case "pcGrad":
      return Effect.succeed(PCGrad.machine(balance, world))
    case "caGrad":
      return Effect.succeed(CAGrad.machine(balance, world))
    case "equalNorms":
      return Effect.succeed(EqualNorms.machine(balance, world))
  }
}
