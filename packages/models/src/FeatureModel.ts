/**
 * An encoder's vectors as features: what chosen groups give, one vector an example. One pass gives all of them.
 *
 * ```
 * input_ids, attention_mask, token_type_ids ──► features.<group>   float32 [batch, hidden]
 * ```
 */
import * as Graph from "@thaw/onnx/Graph"
import type { Value } from "@thaw/onnx/Value"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as Group from "./Group.ts"
import * as Inputs from "./Inputs.ts"
import * as Network from "./Network.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import * as Pooling from "./Pooling.ts"

/** How the vectors of an example's tokens become one. */
export type Pooled = Exclude<Pooling.Reading, "tokens">

export interface FeatureModel {
  readonly graph: Graph.Graph
  /** What the weights stand for: those of the highest chosen group and below. */
  readonly parameters: ReadonlyArray<Parameter>
}

/** Name of the output with a group's vectors. */
export const outputOf = (group: Group.Group): string => `features.${group}`

/** @param groups of the encoder, at least one */
export const make = (
  config: EncoderConfig.EncoderConfig,
  groups: ReadonlyArray<Group.Group>,
  pooling: Pooled,
  weights: Weights,
): FeatureModel => {
  const network = EncoderConfig.network(config)
  const all = Group.ofEncoder(config.dimensions.blocks)
  const needed = all.slice(0, Math.max(...groups.map((group) => all.indexOf(group))) + 1)
  const inputs = Inputs.make()
  const outputs: Record<string, Value> = {}
  let hidden: Value | undefined
  for (const group of needed) {
    hidden = Network.forward(network, [group], weights, inputs, hidden)
    if (groups.includes(group)) outputs[outputOf(group)] = Pooling.read[pooling](hidden, inputs)
  }
  return {
    graph: Graph.make({ name: `features of ${groups.join(", ")}`, outputs }),
    parameters: Network.parametersOf(network, needed),
  }
}
