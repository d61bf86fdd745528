/** What a phase will draw, as far as it is known before: the course of its epochs, and how much of it is padding. */
import * as Seed from "@thaw/core/Seed"
import type * as Roles from "../freeze/Roles.ts"
import * as Course from "../sample/Course.ts"
import * as TokenBudget from "../sample/TokenBudget.ts"
import * as Walk from "../sample/Walk.ts"
import type { Settings } from "../training/Settings.ts"
import * as Estimate from "./Estimate.ts"
import type * as Facts from "./Facts.ts"
import * as Weights from "./Weights.ts"

/** Subwords to a word, roughly, and the two tokens at the ends. */
const subwords = 1.4
const ends = 2

/** Tokens of a text of so many words, on average. */
export const tokens = (words: number, most: number): number => Math.min(most, Math.ceil(words * subwords) + ends)

/** The phase's own streams need its place; here any seed does, because only lengths of epochs are looked at. */
const anySeed = Seed.make(0, "timeline")

/**
 * The course of a phase. Unknown where the data is; with a token budget it follows from words, so about.
 *
 * @param origins of the training examples by task, in the order in which the tasks are drawn
 * @param most tokens of an example
 * @param where names the step that would tell
 */
export const course = (
  settings: Settings,
  roles: Roles.Roles,
  origins: ReadonlyMap<string, Facts.Origin | undefined>,
  most: number,
  where: string,
): Estimate.Estimate<Course.Course> => {
  const pools: Array<Course.Pool> = []
  for (const [task, origin] of origins) {
    if (origin?.facts === undefined) return Estimate.unknown(origin?.step ?? where)
    // A task that the data has no column for asks for hidden tokens or for pairs, and takes every example.
    const { tasks, examples, lengths } = origin.facts
    const known = Object.hasOwn(tasks, task) ? tasks[task]! : { examples, words: Uint32Array.from(lengths) }
    pools.push({
      task,
      size: known.examples,
      rate: Weights.rateOf(roles, task),
      ...(settings.tokenBudget === undefined ? {} : { lengths: known.words.map((words) => tokens(words, most)) }),
    })
  }
  // The phase itself will say that it has no examples.
  if (pools.length === 0 || pools.some(({ size }) => size === 0)) return Estimate.unknown(where)
  const value = Course.of(settings, pools, settings, anySeed)
  return Estimate.known(value, settings.tokenBudget === undefined ? "exact" : "about")
}

/** Part of the tokens of one pass over every task that is padding; undefined without a token budget. */
export const padding = (
  { tokenBudget }: Pick<Settings, "tokenBudget">,
  known: Estimate.Estimate<Course.Course>,
): Estimate.Estimate | undefined => {
  if (tokenBudget === undefined) return undefined
  if (known._tag === "Unknown") return known
  const { pools, seed } = known.value
  let padded = 0
  let all = 0
  for (const { size, task, lengths = [] } of pools) {
    const walk = Walk.make({ size }, Walk.plain, seed, task)
    for (const batch of TokenBudget.inPass(tokenBudget, walk, (row) => lengths[row]!)) {
      const own = TokenBudget.paddingOf(batch.map((row) => lengths[row]!))
      padded += own.padded
      all += own.all
    }
  }
  return Estimate.known(padded / all, "about")
}
