/**
 * One block: attention, then two products with an activation between them; each is added to what it read and then
 * normalised (post-LN, as in the first transformer and in BERT).
 */
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"
import * as Attention from "./Attention.ts"
import type { Activation, Dimensions } from "./Dimensions.ts"
import * as Dropout from "./Dropout.ts"
import type { Group } from "./Group.ts"
import type { Inputs } from "./Inputs.ts"
import * as LayerNorm from "./LayerNorm.ts"
import * as Linear from "./Linear.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import * as Pooling from "./Pooling.ts"

export interface TransformerBlock {
  readonly group: Group
  readonly attention: Attention.Attention
  readonly attentionNorm: LayerNorm.LayerNorm
  readonly intermediate: Linear.Linear
  readonly output: Linear.Linear
  readonly outputNorm: LayerNorm.LayerNorm
  readonly drops: ReadonlyArray<Drops>
}

/** Where a family has dropout: the shares of attention, what attention gives, what the second half gives. */
export type Drops = "shares" | "attended" | "narrow"

/** Upstream's names of a block's parts, behind the block's own prefix. */
export type Names = Readonly<
  Record<
    "query" | "key" | "value" | "attentionOutput" | "attentionNorm" | "intermediate" | "output" | "outputNorm",
    string
  >
>

export const make = (
  prefix: string,
  group: Group,
  names: Names,
  drops: ReadonlyArray<Drops>,
  dimensions: Dimensions,
): TransformerBlock => {
  const { hidden, intermediate, epsilon, initializerRange } = dimensions
  const linear = (name: keyof Names, inputs = hidden, outputs = hidden) =>
    Linear.make(`${prefix}.${names[name]}`, group, { inputs, outputs, initializerRange })
  const norm = (name: keyof Names) => LayerNorm.make(`${prefix}.${names[name]}`, group, { hidden, epsilon })
  return {
    group,
    attention: {
      query: linear("query"),
      key: linear("key"),
      value: linear("value"),
      output: linear("attentionOutput"),
    },
    attentionNorm: norm("attentionNorm"),
    intermediate: linear("intermediate", hidden, intermediate),
    output: linear("output", intermediate, hidden),
    outputNorm: norm("outputNorm"),
    drops,
  }
}

export const parameters = (block: TransformerBlock): ReadonlyArray<Parameter> => [
  ...Attention.parameters(block.attention),
  ...LayerNorm.parameters(block.attentionNorm),
  ...Linear.parameters(block.intermediate),
  ...Linear.parameters(block.output),
  ...LayerNorm.parameters(block.outputNorm),
]

/** Upstream's names, our operators. */
export const activate: Readonly<Record<Activation, (x: Value.Value) => Value.Value>> = {
  gelu: (x) => Op.Gelu(x),
  gelu_new: (x) => Op.Gelu(x, { approximate: "tanh" }),
  relu: Op.Relu,
}

/**
 * @param x [batch*tokens, hidden]
 * @param asked whose vectors are computed
 * @returns [batch*tokens, hidden], or [batch, hidden] of the first tokens
 */
export const forward = (
  block: TransformerBlock,
  weights: Weights,
  x: Value.Value,
  inputs: Inputs,
  dimensions: Dimensions,
  drop: Dropout.Drop = Dropout.none,
  asked: Pooling.Asked = "tokens",
): Value.Value => {
  const rows = Pooling.read[asked](x, inputs)
  const at = (name: Drops) => (value: Value.Value) =>
    block.drops.includes(name)
      ? drop(value, { group: block.group, name, rate: name === "shares" ? "attention" : "hidden" })
      : value
  const attended = at("attended")(
    Attention.forward(block.attention, weights, x, { asked, rows }, inputs, dimensions, at("shares"), drop),
  )
  const middle = LayerNorm.forward(block.attentionNorm, weights, Op.Add(attended, rows))
  const wide = activate[dimensions.activation](Linear.forward(block.intermediate, weights, middle, drop))
  const narrow = at("narrow")(Linear.forward(block.output, weights, wide, drop))
  return Value.named(LayerNorm.forward(block.outputNorm, weights, Op.Add(narrow, middle)), `${block.group}/hidden`)
}
