/**
 * How much each task counts in a phase: in how many updates its loss is there, times the weight of its loss.
 *
 * A draw is made for one task, but its examples may carry labels of others that read the same dataset, and these count
 * too: of N examples of the drawn task m carry the other label, so a draw of n misses it with the probability
 * Π (N − m − i)/(N − i) over i = 0 … n − 1.
 */
import type * as Roles from "../freeze/Roles.ts"
import * as Sample from "../Sample.ts"
import type { Settings } from "../training/Settings.ts"
import * as Estimate from "./Estimate.ts"
import type * as Facts from "./Facts.ts"

export interface EffectiveWeight {
  readonly task: string
  /** Weight of its loss. */
  readonly loss: number
  /** Share of the draws that are made for it. */
  readonly share: Estimate.Estimate
  /** Share of the updates that have its loss. */
  readonly present: Estimate.Estimate
  /** Its part of all tasks' presence × loss weight. */
  readonly effective: Estimate.Estimate
}

/** How often a task is drawn for each time that the mix draws it. */
export const rateOf = ({ rehearsed }: Roles.Roles, task: string): number =>
  rehearsed.find((each) => each.task === task)?.rate ?? 1

/**
 * @param sizes training examples of the tasks that are drawn
 * @param origins where these come from
 */
export const of = (
  { mix, weights, batch, accumulate }: Settings,
  roles: Roles.Roles,
  sizes: ReadonlyMap<string, Estimate.Estimate>,
  origins: ReadonlyMap<string, Facts.Origin | undefined>,
): ReadonlyArray<EffectiveWeight> => {
  const tasks = [...sizes.keys()]
  const losses = tasks.map((task) => weights[task] ?? 1)
  const rates = tasks.map((task) => rateOf(roles, task))
  const isJoint = tasks.some((task) => tasks.some((other) => task !== other && together(origins, task, other) > 0))
  const of = (degree: Estimate.Degree, pick: (shares: ReadonlyArray<number>) => number) =>
    Estimate.all([Estimate.known(0, degree), ...sizes.values()], (_, ...counts) =>
      pick(Sample.shares(mix, counts, rates)),
    )
  const presences = (shares: ReadonlyArray<number>) =>
    tasks.map((task) =>
      shares.reduce((sum, share, at) => {
        const drawn = tasks[at]!
        const size = origins.get(drawn)?.facts?.tasks[drawn]?.examples ?? 0
        const meets = drawn === task ? 1 : 1 - missing(size, together(origins, drawn, task), batch * accumulate)
        return sum + share * meets
      }, 0),
    )
  return tasks.map((task, at) => ({
    task,
    loss: losses[at]!,
    share: of("exact", (shares) => shares[at]!),
    present: of(isJoint ? "about" : "exact", (shares) => presences(shares)[at]!),
    effective: of(isJoint ? "about" : "exact", (shares) => {
      const counted = presences(shares).map((present, index) => present * losses[index]!)
      return counted[at]! / counted.reduce((sum, each) => sum + each, 0)
    }),
  }))
}

/** Examples of a task that carry the other's label too. */
const together = (origins: ReadonlyMap<string, Facts.Origin | undefined>, task: string, other: string): number => {
  const [one, two] = [origins.get(task), origins.get(other)]
  return one !== undefined && one.source === two?.source ? (one.facts?.together[task]?.[other] ?? 0) : 0
}

/** Probability that none of `drawn` out of `all` is among the `marked`. */
const missing = (all: number, marked: number, drawn: number): number => {
  let probability = 1
  for (let at = 0; at < Math.min(drawn, all) && probability > 0; at++) {
    probability *= Math.max(0, all - marked - at) / (all - at)
  }
  return probability
}
