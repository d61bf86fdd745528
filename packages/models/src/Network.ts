/** An encoder's parts bottom to top, each with its parameters and its arithmetic. */
import type { Value } from "@thaw/onnx/Value"
import type { Dimensions } from "./Dimensions.ts"
import * as Dropout from "./Dropout.ts"
import * as Embeddings from "./Embeddings.ts"
import * as Group from "./Group.ts"
import type { Inputs } from "./Inputs.ts"
import { distinct, type Parameter, type Weights } from "./Parameter.ts"
import type { Asked } from "./Pooling.ts"
import type { ScoreBias } from "./ScoreBias.ts"
import * as TransformerBlock from "./TransformerBlock.ts"

export interface Network {
  readonly dimensions: Dimensions
  readonly embeddings: Embeddings.Embeddings
  readonly blocks: ReadonlyArray<TransformerBlock.TransformerBlock>
}

/** Each once. */
export const parameters = ({ embeddings, blocks }: Network): ReadonlyArray<Parameter> =>
  distinct([...Embeddings.parameters(embeddings), ...blocks.flatMap(TransformerBlock.parameters)])

/**
 * Those that computing these groups takes: adapters count with what they are adapters of, and what blocks share with every
 * one of them.
 */
export const parametersOf = (
  { embeddings, blocks }: Network,
  groups: ReadonlyArray<Group.Group>,
): ReadonlyArray<Parameter> =>
  distinct([
    ...(groups.includes(Group.embeddings) ? Embeddings.parameters(embeddings) : []),
    ...blocks.filter(({ group }) => groups.includes(group)).flatMap(TransformerBlock.parameters),
  ])

/**
 * The groups from the first of `groups` to the last, one after the other.
 *
 * @param below what the part below them gave, [batch*tokens, hidden]; unused when `groups` begin with the embeddings
 * @param asked of the last of `groups`, a block, where it is not `tokens`
 * @returns [batch*tokens, hidden], or [batch, hidden] of the first tokens
 */
export const forward = (
  { dimensions, embeddings, blocks }: Network,
  groups: ReadonlyArray<Group.Group>,
  weights: Weights,
  inputs: Inputs,
  below?: Value,
  drop: Dropout.Drop = Dropout.none,
  asked: Asked = "tokens",
): Value => {
  let hidden =
    groups[0] === Group.embeddings ? Embeddings.forward(embeddings, weights, inputs, dimensions, drop) : below
  if (hidden === undefined) throw new RangeError("a network that starts above the embeddings needs what is below")
  const biasOf = remembered(weights, inputs)
  for (const block of blocks) {
    if (groups.includes(block.group)) {
      const own = block.group === groups.at(-1) ? asked : "tokens"
      const bias = biasOf(block.attention.bias, own)
      hidden = TransformerBlock.forward(
        block,
        weights,
        hidden,
        { ...inputs, attentionBias: bias },
        dimensions,
        drop,
        own,
      )
    }
  }
  return hidden
}

/** Computed once for all blocks that share it: one value has one way back. */
const remembered = (weights: Weights, inputs: Inputs) => {
  const made = new Map<ScoreBias, Partial<Record<Asked, Value>>>()
  return (bias: ScoreBias, asked: Asked): Value => {
    const known = made.get(bias) ?? {}
    made.set(bias, known)
    return (known[asked] ??= bias.forward(weights, inputs, asked))
  }
}
