/**
 * Mixing tasks: how often each task's examples are drawn.
 *
 * Shares are always computed from the raw sizes n_i of the training sets:
 *
 *   proportional      p_i ∝ n_i
 *   temperature(T)    p_i ∝ min(n_i, cap)^(1/T)     T = 1 proportional, T → ∞ uniform   (T5, arXiv 1910.10683 §3.5.2)
 *
 * A rehearsed task (its head is frozen, its loss holds the encoder in place) is drawn at a rate r_i of what the mix gives
 * it; of others r_i = 1. So p_i ∝ r_i · (the mix's share).
 *
 * An epoch is ⌈Σ r_i · n_i / batch⌉ updates whatever the mix. A task's updates in an epoch follow its share by largest
 * remainder; each task walks fresh permutations of its examples, so none repeats before all were seen.
 */
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Seed from "@thaw/core/Seed"
import { Schema } from "effect"

export const Mix = Schema.Union([
  Schema.TaggedStruct("proportional", {}),
  Schema.TaggedStruct("temperature", {
    temperature: Schema.Number.check(Schema.isGreaterThan(0)),
    cap: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(0))),
  }),
])
export type Mix = typeof Mix.Type

/** Every example of every task counts the same. */
export const proportional = (): Mix => ({ _tag: "proportional" })

/** Scarce tasks are drawn more often than their size says, the more so the higher the temperature. */
export const temperature = (options: { readonly temperature: number; readonly cap?: number }): Mix => ({
  _tag: "temperature",
  ...options,
})

/**
 * Probability of each task, in the order of `sizes`; sums to 1. A task without examples has none.
 *
 * @param rates what each task's share is multiplied by before all are made to sum to 1; 1 where absent
 */
export const shares = (
  mix: Mix,
  sizes: ReadonlyArray<number>,
  rates: ReadonlyArray<number | undefined> = [],
): ReadonlyArray<number> => {
  const masses = sizes.map((size, at) => {
    const mass =
      size === 0 || mix._tag === "proportional" ? size : Math.min(size, mix.cap ?? Infinity) ** (1 / mix.temperature)
    return mass * (rates[at] ?? 1)
  })
  const total = masses.reduce((sum, mass) => sum + mass, 0)
  return masses.map((mass) => mass / total)
}

/**
 * Whole numbers that follow the shares and sum to `total`: floors first, the rest to the largest remainders, ties to
 * the earlier task (Hamilton's method).
 */
export const largestRemainder = (parts: ReadonlyArray<number>, total: number): ReadonlyArray<number> => {
  const exact = parts.map((part) => part * total)
  const counts = exact.map(Math.floor)
  const rest = total - counts.reduce((sum, count) => sum + count, 0)
  exact
    .map((value, index) => ({ index, remainder: value - Math.floor(value) }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index)
    .slice(0, rest)
    .forEach(({ index }) => (counts[index]! += 1))
  return counts
}

/**
 * Updates of one epoch.
 *
 * @param sizes of the tasks, times their rates
 */
export const updatesPerEpoch = (sizes: ReadonlyArray<number>, batch: number): number => {
  const updates = sizes.reduce((sum, size) => sum + size, 0) / batch
  // Rates are no whole numbers: their rounding makes no update.
  return Math.ceil(updates - 1e-9 * updates)
}

/** Examples that are drawn for one task, by their positions in that task's training set. */
export interface Part {
  readonly task: string
  readonly rows: ReadonlyArray<number>
}

/** What one update takes: examples of one task or of several, in this order. */
export interface Draw {
  readonly parts: ReadonlyArray<Part>
}

/** The tasks that a draw is made for, each once. */
export const tasksOf = ({ parts }: Draw): ReadonlyArray<string> => [...new Set(parts.map(({ task }) => task))]

/** The draw without what it holds for tasks that are no longer drawn. */
export const without = ({ parts }: Draw, isStopped: (task: string) => boolean): Draw => ({
  parts: parts.filter(({ task }) => !isStopped(task)),
})

/** A task as the mix sees it. */
export interface Pool {
  readonly task: string
  /** Training examples with a label for the task. */
  readonly size: number
  /** Part of what the mix gives the task that is drawn, for a task that is rehearsed; 1 where absent. */
  readonly rate?: number
}

/** Examples that an epoch counts for a task. */
export const epochSize = ({ size, rate = 1 }: Pool): number => size * rate

/**
 * The draws of a phase, epoch after epoch, without end. Deterministic in the seed: every task's walk is a stream of its
 * own name, so adding a task changes no other's order. Throws `InvalidData` when a task has no examples: it would never be
 * drawn, and nobody would be told.
 */
export function* draws(
  mix: Mix,
  pools: ReadonlyArray<Pool>,
  batch: number,
  seed: Seed.Seed,
): Generator<Draw, never, void> {
  const empty = pools.filter(({ size }) => size === 0).map(({ task }) => task)
  if (empty.length > 0 || pools.length === 0) {
    throw new InvalidData({
      where: "mix",
      expected: "training examples for every task",
      got: pools.length === 0 ? "no tasks" : `none for ${Problem.list(empty)}`,
      advice: "",
    })
  }
  const sizes = pools.map(({ size }) => size)
  const parts = shares(
    mix,
    sizes,
    pools.map(({ rate }) => rate),
  )
  const walks = pools.map(({ task, size }) => walk(size, Seed.stream(seed, "examples", task)))
  const order = Seed.stream(seed, "tasks")
  const updates = updatesPerEpoch(pools.map(epochSize), batch)
  while (true) {
    const counts = largestRemainder(parts, updates)
    for (const index of order.shuffle(counts.flatMap((count, index) => Array<number>(count).fill(index)))) {
      const { task, size } = pools[index]!
      const rows = Array.from({ length: Math.min(batch, size) }, () => walks[index]!.next().value)
      yield { parts: [{ task, rows }] }
    }
  }
}

/** Positions 0 … size-1 in a fresh random order, again and again. */
function* walk(size: number, stream: Seed.Stream): Generator<number, never, void> {
  const positions = Array.from({ length: size }, (_, position) => position)
  while (true) yield* stream.shuffle(positions)
}
