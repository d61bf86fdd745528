/** Sizes and work of an encoder with its heads, counted group by group. */
import type { Dimensions } from "@thaw/models/Dimensions"
import type { Forecast } from "@thaw/models/Forecast"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import type * as Lora from "@thaw/models/Lora"
import * as Network from "@thaw/models/Network"
import type * as Parameter from "@thaw/models/Parameter"
import type { Reading } from "@thaw/models/Pooling"
import * as Estimate from "./Estimate.ts"

/** A head as far as it is known. */
export interface KnownHead {
  readonly head: Head.Head
  /** How many labels the task has; undefined where only data would tell. */
  readonly labels: number | undefined
}

const elements = (parameters: ReadonlyArray<Parameter.Parameter>): number =>
  parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)

/** Fewest labels that a head may have. */
const fewest = 2

/** Parameters of each group. A head of unknown labels has at least those for two. */
export const parameters = (
  { config, guessed }: Forecast,
  heads: Readonly<Record<string, KnownHead>>,
): ReadonlyMap<Group.Group, Estimate.Estimate> => {
  const encoder = Network.parameters(config.family.network(config.dimensions))
  const ofEncoder = Group.ofEncoder(config.dimensions.blocks).map((group) => {
    const count = elements(encoder.filter((parameter) => parameter.group === group))
    // The embeddings are most of what a vocabulary that is only guessed at decides.
    const isBound = group === Group.embeddings && guessed["vocab"] !== undefined
    return [group, Estimate.known(count, isBound ? "atMost" : "exact")] as const
  })
  const ofHeads = Object.entries(heads).map(([task, { head, labels }]) => {
    const count = elements(Head.network(head, task, labels ?? fewest, config).parameters)
    return [Group.head(task), Estimate.known(count, labels === undefined ? "atLeast" : "exact")] as const
  })
  return new Map([...ofEncoder, ...ofHeads])
}

/** Parameters of the low-rank adapters of all blocks. */
export const adapterParameters = ({ config }: Forecast, lora: Lora.Settings): number =>
  elements(
    Network.parameters(EncoderConfig.network({ ...config, lora })).filter(({ group }) => Group.isAdapters(group)),
  )

/** What the heads read of the encoder's vectors. */
export const readings = (
  { config }: Forecast,
  heads: ReadonlyArray<readonly [task: string, head: KnownHead]>,
): ReadonlyArray<Reading> =>
  heads.map(([task, { head, labels }]) => Head.network(head, task, labels ?? fewest, config).reads)

/**
 * Floating-point operations of one block, forward, for a text of so many tokens: products of each token with the block's
 * matrices, and of every token with every other in attention (twice).
 */
export const forwardWork = ({ hidden, intermediate }: Dimensions, tokens: number): number =>
  tokens * 2 * (4 * hidden * hidden + 2 * hidden * intermediate) + 4 * tokens * tokens * hidden

/**
 * Numbers that one block keeps for its way back, for one text: hidden-sized ones for inputs, queries, keys, values,
 * context, two sums and two normalisations; two of intermediate size; scores and their softmax for every head.
 */
export const keptNumbers = ({ hidden, intermediate, heads }: Dimensions, tokens: number): number =>
  tokens * (10 * hidden + 2 * intermediate + 2 * heads * tokens)
