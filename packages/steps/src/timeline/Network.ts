/** Sizes of an encoder with its heads, counted group by group. */
import type { Forecast } from "@thaw/models/Forecast"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as Lora from "@thaw/models/Lora"
import * as Network from "@thaw/models/Network"
import type * as Parameter from "@thaw/models/Parameter"
import * as Estimate from "./Estimate.ts"

/** A head as far as it is known. */
export interface KnownHead {
  readonly head: Head.Head
  /** How many labels the task has; undefined where only data would tell. */
  readonly labels: number | undefined
}

const elements = (parameters: ReadonlyArray<Parameter.Parameter>): number =>
  parameters.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)

/** Parameters of each group, adapters of `lora` among them. A head of unknown labels has the fewest that it may have, at least. */
export const parameters = (
  { config, guessed }: Forecast,
  heads: Readonly<Record<string, KnownHead>>,
  lora?: Lora.Settings,
): ReadonlyMap<Group.Group, Estimate.Estimate> => {
  const network = config.family.network(config.dimensions)
  const encoder = Network.parameters(lora === undefined ? network : Lora.adapt(network, lora))
  const adapters = lora === undefined ? [] : Lora.groups(config.dimensions.blocks)
  const ofEncoder = [...Group.ofEncoder(config.dimensions.blocks), ...adapters].map((group) => {
    const count = elements(encoder.filter((parameter) => parameter.group === group))
    // The embeddings are most of what a vocabulary that is only guessed at decides.
    const isBound = group === Group.embeddings && guessed["vocab"] !== undefined
    return [group, Estimate.known(count, isBound ? "atMost" : "exact")] as const
  })
  const ofHeads = Object.entries(heads).map(([task, { head, labels }]) => {
    const count = elements(Head.network(head, task, labels ?? Head.traits[head.kind].fewestLabels, config).parameters)
    return [Group.head(task), Estimate.known(count, labels === undefined ? "atLeast" : "exact")] as const
  })
  return new Map([...ofEncoder, ...ofHeads])
}
