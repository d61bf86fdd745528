/**
 * Batches of about the same number of tokens, of examples of about the same length, so that little of them is padding.
 *
 * A window of examples, as they are drawn, is sorted by length and cut into batches: as many as fit, rows · longest ≤
 * tokens. A single example that is longer than the budget is a batch of its own. The batches of a window come in random
 * order. With quotas a window ends where the pass does, so every example is in one batch of every pass.
 */
import type * as Seed from "@thaw/core/Seed"
import { Schema } from "effect"
import * as Walk from "./Walk.ts"

const count = Schema.Int.check(Schema.isGreaterThan(0))

export const TokenBudget = Schema.Struct({
  /** Of a micro-batch, padding included. */
  tokens: count,
  /** Examples that are sorted together. */
  window: count,
})
export type TokenBudget = typeof TokenBudget.Type

/** Batches of at most so many tokens; 8192 examples are sorted together unless given. */
export const tokenBudget = (options: { readonly tokens: number; readonly window?: number }): TokenBudget => ({
  window: 8192,
  ...options,
})

/** The rows in order, as many to a batch as fit. */
export const cut = <A>(
  rows: ReadonlyArray<A>,
  lengthOf: (row: A) => number,
  tokens: number,
): Array<ReadonlyArray<A>> => {
  const batches: Array<Array<A>> = []
  let longest = 0
  for (const row of rows) {
    const length = lengthOf(row)
    const open = batches.at(-1)
    if (open !== undefined && (open.length + 1) * Math.max(longest, length) <= tokens) {
      open.push(row)
      longest = Math.max(longest, length)
    } else {
      batches.push([row])
      longest = length
    }
  }
  return batches
}

/** The batches of one window, shortest first. Examples of one length stay in the order they have. */
const sorted = <A>(window: ReadonlyArray<A>, lengthOf: (row: A) => number, tokens: number): Array<ReadonlyArray<A>> =>
  cut(
    window.toSorted((a, b) => lengthOf(a) - lengthOf(b)),
    lengthOf,
    tokens,
  )

/** Where a window's examples come from. */
export interface Source<A> {
  readonly next: (done: number) => A
  readonly left: (done: number) => number
}

/** One batch after the other. Deterministic in the stream. */
export const batches = <A>(
  { tokens, window }: TokenBudget,
  source: Source<A>,
  lengthOf: (row: A) => number,
  stream: Seed.Stream,
): ((done: number) => ReadonlyArray<A>) => {
  let waiting: Array<ReadonlyArray<A>> = []
  return (done) => {
    if (waiting.length === 0) {
      const size = Math.min(window, source.left(done))
      const rows = Array.from({ length: size }, () => source.next(done))
      waiting = sorted(rows, lengthOf, tokens)
      Walk.shuffle(waiting, stream)
    }
    return waiting.pop()!
  }
}

/** Batches that the source's examples fill until its pass is over. */
export const inPass = <A>(
  { tokens, window }: TokenBudget,
  source: Source<A>,
  lengthOf: (row: A) => number,
): ReadonlyArray<ReadonlyArray<A>> => {
  const found: Array<ReadonlyArray<A>> = []
  for (let left = source.left(0); left > 0;) {
    const rows = Array.from({ length: Math.min(window, left) }, () => source.next(0))
    for (const batch of sorted(rows, lengthOf, tokens)) found.push(batch)
    left -= rows.length
  }
  return found
}

/** Padding among the tokens of batches of these lengths: `padded` of `all`. */
export interface Padding {
  readonly padded: number
  readonly all: number
}

export const paddingOf = (lengths: ReadonlyArray<number>): Padding => {
  const all = lengths.length * lengths.reduce((most, length) => Math.max(most, length), 0)
  return { padded: all - lengths.reduce((sum, length) => sum + length, 0), all }
}
