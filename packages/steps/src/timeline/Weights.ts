/**
 * How much each task counts in a phase: in how many updates its loss is there, times the weight of its loss.
 *
 * A draw is made for one task, but its examples may carry labels of others that read the same dataset, and these count
 * too: of N examples of the drawn task m carry the other label, so a draw of n misses it with the probability
 * Π (N − m − i)/(N − i) over i = 0 … n − 1. In heterogeneous batches each of n rows is of task j with its share p_j, and
 * misses the label with the probability 1 − Σ p_j · m_j/N_j. A task's loss is a mean over its own labels, so how many of
 * them an update has makes no difference.
 */
import type * as Roles from "../freeze/Roles.ts"
import * as Course from "../sample/Course.ts"
import type { Settings } from "../training/Settings.ts"
import * as Estimate from "./Estimate.ts"
import type * as Facts from "./Facts.ts"

export interface EffectiveWeight {
  readonly task: string
  /** Weight of its loss. */
  readonly loss: number
  /** Share of the draws that are made for it, over the phase. */
  readonly share: Estimate.Estimate
  /** Share of the updates that have its loss. */
  readonly present: Estimate.Estimate
  /** Its part of all tasks' presence × loss weight. */
  readonly effective: Estimate.Estimate
  /** Epoch by epoch, where shares change. */
  readonly epochs: ReadonlyArray<Figures>
}

/** Figures of one task, 0 to 1 each. */
interface Figures {
  readonly share: number
  readonly present: number
  readonly effective: number
}

/** How often a task is drawn for each time that the mix draws it. */
export const rateOf = ({ rehearsed }: Roles.Roles, task: string): number =>
  rehearsed.find((each) => each.task === task)?.rate ?? 1

/**
 * @param course of the phase, for its shares
 * @param updates of the phase
 * @param tasks that are drawn, in the order of the course's pools
 * @param origins where their training examples come from
 */
export const of = (
  { weights }: Pick<Settings, "weights">,
  course: Estimate.Estimate<Course.Course>,
  updates: Estimate.Estimate,
  tasks: ReadonlyArray<string>,
  origins: ReadonlyMap<string, Facts.Origin | undefined>,
): ReadonlyArray<EffectiveWeight> => {
  const losses = tasks.map((task) => weights[task] ?? 1)
  if (course._tag === "Unknown" || updates._tag === "Unknown") {
    const unknown = Estimate.unknown(course._tag === "Unknown" ? course.until : (updates as Estimate.Unknown).until)
    return tasks.map((task, at) => ({
      task,
      loss: losses[at]!,
      share: unknown,
      present: unknown,
      effective: unknown,
      epochs: [],
    }))
  }
  const { told } = course.value
  const isMixed = told.batches !== "homogeneous"
  const isJoint = tasks.some((task) => tasks.some((other) => task !== other && together(origins, task, other) > 0))
  const figures = (shares: ReadonlyArray<number>): ReadonlyArray<Figures> => {
    const present = tasks.map((task) => presence(course.value, shares, task, origins))
    const counted = present.map((each, at) => each * losses[at]!)
    const total = counted.reduce((sum, each) => sum + each, 0)
    return shares.map((share, at) => ({ share, present: present[at]!, effective: counted[at]! / total }))
  }
  const expected = Course.expected(course.value, updates.value)
  const isConstant = Course.changes(told) === "never"
  const epochs = (isConstant ? expected.slice(0, 1) : expected).map(({ shares }) => figures(shares))
  const all = (at: number, of: (each: Figures) => number) =>
    isConstant
      ? of(epochs[0]![at]!)
      : epochs.reduce((sum, each, epoch) => sum + of(each[at]!) * lengthOf(expected[epoch]!), 0) / updates.value
  const degree = course.degree === "exact" && updates.degree === "exact" ? "exact" : "about"
  const shareDegree = isConstant ? course.degree : degree
  const about = isJoint || isMixed ? "about" : shareDegree
  return tasks.map((task, at) => {
    const over = (of: (each: Figures) => number, certain: Estimate.Degree) => Estimate.known(all(at, of), certain)
    return {
      task,
      loss: losses[at]!,
      share: over(({ share }) => share, shareDegree),
      present: over(({ present }) => present, about),
      effective: over(({ effective }) => effective, about),
      epochs: isConstant ? [] : epochs.map((each) => each[at]!),
    }
  })
}

const lengthOf = ({ updates }: Course.Expected): number => updates.reduce((sum, each) => sum + each, 0)

/** Probability that an update has a label of the task. */
const presence = (
  course: Course.Course,
  shares: ReadonlyArray<number>,
  task: string,
  origins: ReadonlyMap<string, Facts.Origin | undefined>,
): number => {
  const { told, pools } = course
  const rows = Course.rowsOf(course)
  const meets = pools.map(({ task: drawn, size }) => (drawn === task ? 1 : together(origins, drawn, task) / size))
  switch (told.batches) {
    case "everyTask":
      return 1
    case "heterogeneous": {
      const hit = shares.reduce((sum, share, at) => sum + share * meets[at]!, 0)
      return 1 - (1 - Math.min(1, hit)) ** Math.max(...rows)
    }
    case "homogeneous":
      return shares.reduce((sum, share, at) => {
        const { task: drawn, size } = pools[at]!
        return sum + share * (drawn === task ? 1 : 1 - missing(size, together(origins, drawn, task), rows[at]!))
      }, 0)
  }
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
