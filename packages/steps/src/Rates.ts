/**
 * How fast each group learns: discriminative rates (ULMFiT, arXiv 1801.06146 §3.2) in the depth convention of ELECTRA's
 * code. With N blocks the embeddings have depth 0, block i has i + 1 and heads have N + 2 (N + 1 is left to a pooler):
 *
 *   rate(group) = base · decayPerBlock^(N + 2 − depth)
 *
 * Over the updates every group follows the same learning rate, from a base of its own.
 */
import * as Group from "@thaw/models/Group"
import * as LearningRate from "@thaw/models/LearningRate"
import { Schema } from "effect"

const rate = Schema.Number.check(Schema.isGreaterThan(0))

export const Rates = Schema.Struct({
  /** d; 1: all groups alike. */
  decayPerBlock: Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThanOrEqualTo(1)),
  /** Base rate of the heads, in place of the learning rate's. */
  heads: Schema.optionalKey(rate),
  /** Base rates of single groups, in place of what the formula gives. */
  groups: Schema.optionalKey(Schema.Record(Schema.String, rate)),
})
export type Rates = typeof Rates.Type

/** All groups alike. */
export const uniform = (): Rates => ({ decayPerBlock: 1 })

/** Slower from block to block downwards; `decayPerBlock` 0.9 unless given, which suits encoders of 6 to 24 blocks. */
export const discriminative = (options: Partial<Rates> = {}): Rates => ({ decayPerBlock: 0.9, ...options })

/** The base rate of a group in an encoder of so many blocks. */
export const baseOf = (
  { decayPerBlock, heads, groups = {} }: Rates,
  { base }: LearningRate.LearningRate,
  group: Group.Group,
  blocks: number,
): number => {
  if (Object.hasOwn(groups, group)) return groups[group]!
  return Group.taskOf(group) !== undefined
    ? (heads ?? base)
    : base * decayPerBlock ** (blocks + 2 - Group.depth(group, blocks))
}

/** What decides the rates of a phase. */
export interface Of {
  readonly learningRate: LearningRate.LearningRate
  readonly rates: Rates
  readonly length:
    | { readonly epochs: number }
    | { readonly updates: number }
    | { readonly converged: { readonly maxEpochs: number } }
  readonly span?: { readonly before: number; readonly total: number }
}

/**
 * The rate of a group at an update of the phase, from 0.
 *
 * @param updates how many the phase makes (at most, where it may end early)
 */
export const at = (of: Of, group: Group.Group, blocks: number, update: number, updates: number): number => {
  const base = baseOf(of.rates, of.learningRate, group, blocks)
  const { before, total } = spanned(of, updates)
  return LearningRate.at({ ...of.learningRate, base }, before + update, total)
}

/** Where the phase's updates lie in the learning rate. */
const spanned = ({ length, span }: Of, updates: number): { readonly before: number; readonly total: number } => {
  if (span === undefined) return { before: 0, total: updates }
  const own = "epochs" in length ? length.epochs : "updates" in length ? length.updates : length.converged.maxEpochs
  const perUnit = updates / own
  return { before: Math.round(span.before * perUnit), total: Math.round(span.total * perUnit) }
}
