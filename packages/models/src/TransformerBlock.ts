/**
 * One block: attention, then two products with an activation between them. What a family normalises, and whether before
 * or after, are parts: see `Residual`.
 */
import * as Value from "@thaw/onnx/Value"
import * as Activation from "./Activation.ts"
import * as Attention from "./Attention.ts"
import type { Dimensions } from "./Dimensions.ts"
import * as Dropout from "./Dropout.ts"
import type { Group } from "./Group.ts"
import type { Inputs } from "./Inputs.ts"
import * as LayerNorm from "./LayerNorm.ts"
import * as Linear from "./Linear.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import * as Pooling from "./Pooling.ts"
import * as Residual from "./Residual.ts"
import * as ScoreBias from "./ScoreBias.ts"

export interface TransformerBlock {
  readonly group: Group
  readonly attention: Attention.Attention
  readonly attentionNorm: LayerNorm.LayerNorm | undefined
  readonly intermediate: Linear.Linear
  /** Between the two maps of the second half. */
  readonly activation: (wide: Value.Value) => Value.Value
  readonly output: Linear.Linear
  readonly outputNorm: LayerNorm.LayerNorm
  readonly residual: Residual.Residual
  /** Of what the block gives; a family may have it after its top block. */
  readonly finalNorm: LayerNorm.LayerNorm | undefined
  readonly drops: Drops
}

/**
 * Where a family has dropout, and at which rate: the shares of attention, what attention gives, what the activation gives,
 * what the second half gives.
 */
export type Drops = Readonly<Partial<Record<"shares" | "attended" | "active" | "narrow", keyof Dropout.Rates>>>

/** Upstream's names of a block's parts, behind the block's own prefix. */
export type Names = Readonly<
  Record<
    "query" | "key" | "value" | "attentionOutput" | "attentionNorm" | "intermediate" | "output" | "outputNorm",
    string
  >
>

/** A block that normalises after every half, as in the first transformer and in BERT. */
export const make = (
  prefix: string,
  group: Group,
  names: Names,
  drops: Drops,
  dimensions: Dimensions,
  bias: ScoreBias.ScoreBias = ScoreBias.padding,
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
      bias,
    },
    attentionNorm: norm("attentionNorm"),
    intermediate: linear("intermediate", hidden, intermediate),
    activation: Activation.named[dimensions.activation],
    output: linear("output", intermediate, hidden),
    outputNorm: norm("outputNorm"),
    residual: Residual.normaliseAfter,
    finalNorm: undefined,
    drops,
  }
}

export const parameters = (block: TransformerBlock): ReadonlyArray<Parameter> => [
  ...Attention.parameters(block.attention),
  ...(block.attentionNorm === undefined ? [] : LayerNorm.parameters(block.attentionNorm)),
  ...Linear.parameters(block.intermediate),
  ...Linear.parameters(block.output),
  ...LayerNorm.parameters(block.outputNorm),
  ...(block.finalNorm === undefined ? [] : LayerNorm.parameters(block.finalNorm)),
]

/**
 * @param x [batch*tokens, hidden]
 * @param inputs with the bias of this block's scores as `attentionBias`
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
  const { group, drops, residual } = block
  const at = (name: keyof Drops) => (value: Value.Value) => {
    const rate = drops[name]
    return rate === undefined ? value : drop(value, { group, name, rate })
  }
  const normalise = (norm: LayerNorm.LayerNorm | undefined) => (value: Value.Value) =>
    norm === undefined ? value : LayerNorm.forward(norm, weights, value)
  const first = Pooling.read[asked]
  const { attentionMask, attentionBias: bias } = inputs

  const attentionNorm = normalise(block.attentionNorm)
  const read = residual.before(x, attentionNorm)
  const rows = { asked, rows: first(read, inputs) }
  const attended = at("attended")(
    Attention.forward(block.attention, weights, read, rows, { attentionMask, bias }, dimensions, at("shares"), drop),
  )
  const kept = read === x ? rows.rows : first(x, inputs)
  const middle = residual.after(attended, kept, attentionNorm)

  const outputNorm = normalise(block.outputNorm)
  const wide = Linear.forward(block.intermediate, weights, residual.before(middle, outputNorm), drop)
  const narrow = at("narrow")(Linear.forward(block.output, weights, at("active")(block.activation(wide)), drop))
  const given = normalise(block.finalNorm)(residual.after(narrow, middle, outputNorm))
  return Value.named(given, `${group}/hidden`)
}
