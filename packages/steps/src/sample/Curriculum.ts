/**
 * Curricula: easy examples first, and tasks one after the other. Both compose with every mix.
 *
 * **Examples.** A task's training examples are ranked by a difficulty; at the part t of the phase that is done only the
 * easiest c(t) of them are drawn (competence, Platanios et al. 2019, arXiv 1903.09848, eq. 7 and 8):
 *
 *   linear   c(t) = min(1, c₀ + (1 − c₀) · t/T)
 *   root     c(t) = min(1, √(c₀² + (1 − c₀²) · t/T))
 *
 * c₀ is where it begins, T the part of the phase after which all are drawn.
 *
 * **Tasks.** A task's share of the mix is multiplied by a ramp from 0 to 1 (`introduce`), or every task's but the largest
 * one's is (`richestFirst`).
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Schema } from "effect"
import * as Mix from "./Mix.ts"

const positive = Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1))
const part = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1 }))

export const Difficulty = Schema.Union([
  Schema.TaggedStruct("length", {}),
  Schema.TaggedStruct("rarity", {}),
  Schema.TaggedStruct("score", { name: Schema.String }),
])
export type Difficulty = typeof Difficulty.Type

/** Tokens of an example. */
export const length = (): Difficulty => ({ _tag: "length" })

/** How rare an example's tokens are in the task's training part: −Σ log p(token) (arXiv 1903.09848, eq. 2). */
export const rarity = (): Difficulty => ({ _tag: "rarity" })

/** Scores of the dataset, loaded as such or written by `Difficulty.loss`: the higher the harder. */
export const score = (options: { readonly name: string }): Difficulty => ({ _tag: "score", ...options })

export const Curriculum = Schema.Struct({
  by: Difficulty,
  pacing: Schema.Literals(["linear", "root"]),
  /** c₀: part of the examples that the phase begins with. */
  from: positive,
  /** T: part of the phase after which all examples are drawn. */
  over: positive,
})
export type Curriculum = typeof Curriculum.Type

/** Easy examples first: by root from a tenth of the examples to all of them at half of the phase, unless given. */
export const curriculum = (options: Pick<Curriculum, "by"> & Partial<Curriculum>): Curriculum => ({
  pacing: "root",
  from: 0.1,
  over: 0.5,
  ...options,
})

/** Part of the examples that may be drawn. @param done part of the phase, 0 to 1 */
export const competence = ({ pacing, from, over }: Curriculum, done: number): number => {
  const way = Math.min(1, done / over)
  return Math.min(1, pacing === "linear" ? from + (1 - from) * way : Math.sqrt(from ** 2 + (1 - from ** 2) * way))
}

/** How many of `size` examples may be drawn: at least one. */
export const available = (told: Curriculum, size: number, done: number): number =>
  // What is a whole number but for rounding stays it.
  Math.max(1, Math.min(size, Math.ceil(competence(told, done) * size - 1e-9)))

/** Positions from the easiest to the hardest; ties in the order of the dataset. */
export const ranked = (difficulty: ArrayLike<number>): Uint32Array => {
  const positions = Uint32Array.from({ length: difficulty.length }, (_, position) => position)
  return positions.sort((a, b) => difficulty[a]! - difficulty[b]! || a - b)
}

const Ramp = Schema.Struct({ from: part, until: part })
export type Ramp = typeof Ramp.Type

export const Introduction = Schema.Union([
  Schema.TaggedStruct("introduce", { tasks: Schema.Record(Schema.String, Ramp) }),
  Schema.TaggedStruct("richestFirst", { from: part, until: part }),
])
export type Introduction = typeof Introduction.Type

/** `Sample.introduce({ mood: { from: 0.2, until: 0.6 } })`: not drawn before `from`, as the mix says after `until`. */
export const introduce = (tasks: Readonly<Record<string, Ramp>>): Introduction => ({ _tag: "introduce", tasks })

/** The task with the most examples alone at first, the others gradually; until half of the phase unless given. */
export const richestFirst = (options: Partial<Ramp> = {}): Introduction => ({
  _tag: "richestFirst",
  from: 0,
  until: 0.5,
  ...options,
})

const ramp = ({ from, until }: Ramp, done: number): number =>
  done >= until ? 1 : done <= from ? 0 : (done - from) / (until - from)

/** What each task's share is multiplied by. */
export const factors = (
  told: Introduction | undefined,
  pools: ReadonlyArray<Mix.Pool>,
  done: number,
): ReadonlyArray<number> => {
  if (told === undefined) return pools.map(() => 1)
  if (told._tag === "introduce") {
    return pools.map(({ task }) => (Object.hasOwn(told.tasks, task) ? ramp(told.tasks[task]!, done) : 1))
  }
  const richest = pools.reduce((most, { size }, at) => (size > pools[most]!.size ? at : most), 0)
  return pools.map((_, at) => (at === richest ? 1 : ramp(told, done)))
}

/** Throws `PipelineInvalid` on names that are no tasks', on a ramp that falls, and where nothing is drawn in the beginning. */
export const checkIntroduction = (told: Introduction, tasks: ReadonlyArray<string>, where: string): void => {
  const ramps = told._tag === "introduce" ? told.tasks : { "": told }
  if (told._tag === "introduce") Mix.checkNames(told.tasks, tasks, where)
  for (const [task, { from, until }] of Object.entries(ramps)) {
    if (from <= until) continue
    throw new PipelineInvalid({
      where: task === "" ? where : `${where}, task ${task}`,
      expected: "`from` before `until`",
      got: `${from} and ${until}`,
      advice: "",
    })
  }
  if (told._tag !== "introduce" || tasks.some((task) => !Object.hasOwn(told.tasks, task))) return
  throw new PipelineInvalid({
    where,
    expected: "a task that is drawn from the beginning",
    got: `${Problem.list(tasks)} introduced later`,
    advice: "Leave the first one out.",
  })
}
