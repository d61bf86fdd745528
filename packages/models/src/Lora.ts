/**
 * Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): beside a linear map that stays as it is, a path through `rank`
 * numbers is learnt,
 *
 *   y = x·Wᵀ + b + (alpha/rank) · (x·Aᵀ)·Bᵀ        A [rank, inputs], B [outputs, rank]
 *
 * computed as it stands, so that nothing of W's shape exists on the way back. A starts Kaiming-uniform with a = √5 as in
 * PEFT, which is uniform in ±1/√inputs, and B at 0: new adapters change nothing.
 *
 * Adapters are parameters `lora.<map>.A` and `.B` in a group `lora.block.<i>` of their own, so that they train while their
 * block is frozen; rates take the group to be as high as its block.
 *
 * Where a family keeps queries, keys and values in one weight, they have one adapter: rows of B that belong to no target
 * stay 0.
 */
import * as Problem from "@thaw/core/Problem"
import { Schema } from "effect"
import { TrainingInvalid } from "./Errors.ts"
import * as Group from "./Group.ts"
import type { Adapter, Linear } from "./Linear.ts"
import type { Network } from "./Network.ts"
import type { TransformerBlock } from "./TransformerBlock.ts"

/** The linear maps of a block, by the names that all families share. */
export const targets = ["query", "key", "value", "attentionOutput", "intermediate", "output"] as const
export type Target = (typeof targets)[number]

export const Settings = Schema.Struct({
  rank: Schema.Int.check(Schema.isGreaterThan(0)),
  alpha: Schema.Number.check(Schema.isGreaterThan(0)),
  /** Share of what an adapter reads that is dropped while it trains; what W reads is kept whole. */
  dropout: Schema.Number.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(1)),
  /** Maps of every block that get adapters. */
  targets: Schema.NonEmptyArray(Schema.Literals(targets)),
})
export type Settings = typeof Settings.Type

/** What is wrong with names of targets; undefined: nothing. */
export const unknown = (
  given: ReadonlyArray<string>,
): { readonly got: string; readonly advice: string } | undefined => {
  const found = given.find((name) => !targets.some((target) => target === name))
  return found === undefined ? undefined : { got: JSON.stringify(found), advice: Problem.suggestion(found, targets) }
}

/** Groups of the adapters in an encoder of so many blocks, bottom to top. */
export const groups = (blocks: number): ReadonlyArray<Group.Group> =>
  Array.from({ length: blocks }, (_, index) => Group.adapters(Group.block(index)))

/** Whether adapters of these settings are the same parameters in the same arithmetic; dropout is no part of either. */
export const fits = (a: Settings, b: Settings): boolean =>
  a.rank === b.rank && a.alpha === b.alpha && [...a.targets].sort().join() === [...b.targets].sort().join()

/**
 * The network with adapters beside the targets of every block.
 *
 * @throws TrainingInvalid when a target is no map of a block
 */
export const adapt = (network: Network, settings: Settings): Network => {
  const problem = unknown(settings.targets)
  if (problem !== undefined) {
    throw new TrainingInvalid({
      where: "lora, targets",
      expected: `linear maps of a block: ${targets.join(", ")}`,
      ...problem,
    })
  }
  return { ...network, blocks: network.blocks.map((block) => adaptBlock(block, settings)) }
}

const adaptBlock = (block: TransformerBlock, settings: Settings): TransformerBlock => {
  const at = (target: Target, linear: Linear): Linear =>
    settings.targets.includes(target) ? { ...linear, adapter: adapterOf(target, linear, settings) } : linear
  const { query, key, value, output } = block.attention
  return {
    ...block,
    attention: {
      ...block.attention,
      query: at("query", query),
      key: at("key", key),
      value: at("value", value),
      output: at("attentionOutput", output),
    },
    intermediate: at("intermediate", block.intermediate),
    output: at("output", block.output),
  }
}

const adapterOf = (target: Target, { weight }: Linear, { rank, alpha }: Settings): Adapter => {
  const [outputs, inputs] = [weight.shape[0]!, weight.shape[1]!]
  const group = Group.adapters(weight.group)
  const name = `lora.${moduleOf(weight.name)}`
  return {
    down: {
      name: `${name}.A`,
      shape: [rank, inputs],
      group,
      decays: true,
      initial: { uniform: 1 / Math.sqrt(inputs) },
    },
    up: { name: `${name}.B`, shape: [outputs, rank], group, decays: true, initial: "zeros" },
    scale: alpha / rank,
    site: { group, name: target, rate: "adapter" },
  }
}

/** Upstream's name of the module that a weight belongs to. */
export const moduleOf = (weight: string): string => weight.replace(/\.weight$/, "")

/** A linear map that has an adapter. */
export interface Adapted extends Linear {
  readonly adapter: Adapter
}

/** Every weight with an adapter, bottom to top. */
export const adapted = ({ blocks }: Network): ReadonlyArray<Adapted> => {
  const all = blocks
    .flatMap(({ attention: { query, key, value, output: attended }, intermediate, output }) => [
      query,
      key,
      value,
      attended,
      intermediate,
      output,
    ])
    .flatMap((linear) => (linear.adapter === undefined ? [] : [{ ...linear, adapter: linear.adapter }]))
  return [...new Map(all.map((linear) => [linear.weight.name, linear])).values()]
}
