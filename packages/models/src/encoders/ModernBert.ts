/**
 * ModernBERT (Warner et al. 2024, arXiv 2412.13663) as transformers' `ModernBertModel` computes it: no biases, no table of
 * positions but rotated queries and keys, every third block sees all tokens and the others near ones, halves are
 * normalised before they are computed, GeGLU, and one normalisation after the top block.
 */
import * as Op from "@thaw/onnx/Op"
import { Effect, Schema } from "effect"
import * as Activation from "../Activation.ts"
import * as ConfigJson from "../ConfigJson.ts"
import { layerTypes, type LayerType } from "../Dimensions.ts"
import * as Embeddings from "../Embeddings.ts"
import { EncoderInvalid } from "../Errors.ts"
import type { Family } from "../Family.ts"
import * as Group from "../Group.ts"
import * as LayerNorm from "../LayerNorm.ts"
import * as Linear from "../Linear.ts"
import * as Residual from "../Residual.ts"
import * as Rotary from "../Rotary.ts"
import * as ScoreBias from "../ScoreBias.ts"
import type * as TransformerBlock from "../TransformerBlock.ts"

const Unbiased = Schema.optionalKey(Schema.Literal(false))
const Theta = Schema.NullOr(Schema.Finite.check(Schema.isGreaterThan(0)))
const Angles = Schema.Struct({
  rope_type: Schema.optionalKey(Schema.Literal("default")),
  rope_theta: Schema.optionalKey(Theta),
})

const Config = Schema.Struct({
  vocab_size: ConfigJson.Count,
  hidden_size: ConfigJson.Count,
  num_hidden_layers: ConfigJson.Count,
  num_attention_heads: ConfigJson.Count,
  intermediate_size: ConfigJson.Count,
  max_position_embeddings: ConfigJson.Count,
  hidden_activation: Schema.optionalKey(ConfigJson.Activation),
  norm_eps: Schema.optionalKey(Schema.Finite),
  initializer_range: Schema.optionalKey(Schema.Finite),
  local_attention: Schema.optionalKey(ConfigJson.Count),
  global_attn_every_n_layers: Schema.optionalKey(ConfigJson.Count),
  layer_types: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Literals(layerTypes)))),
  global_rope_theta: Schema.optionalKey(Theta),
  local_rope_theta: Schema.optionalKey(Theta),
  /** The newer spelling of both. */
  rope_parameters: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({
        full_attention: Schema.optionalKey(Schema.NullOr(Angles)),
        sliding_attention: Schema.optionalKey(Schema.NullOr(Angles)),
      }),
    ),
  ),
  rope_scaling: Schema.optionalKey(Schema.Null),
  attention_bias: Unbiased,
  mlp_bias: Unbiased,
  norm_bias: Unbiased,
  classifier_bias: Unbiased,
  classifier_activation: Schema.optionalKey(Schema.Literal("gelu")),
})
type Config = typeof Config.Type

/** A local block without an angle of its own takes the global ones'; upstream writes that as null. */
const thetasOf = ({ rope_parameters: newer, global_rope_theta, local_rope_theta }: Config) => {
  const full = newer?.full_attention?.rope_theta ?? global_rope_theta ?? 160_000
  const older = local_rope_theta === null ? full : (local_rope_theta ?? 10_000)
  return { full_attention: full, sliding_attention: newer?.sliding_attention?.rope_theta ?? older }
}

const typesOf = ({ layer_types, num_hidden_layers, global_attn_every_n_layers: every = 3 }: Config) =>
  layer_types ??
  Array.from({ length: num_hidden_layers }, (_, index): LayerType =>
    index % every === 0 ? "full_attention" : "sliding_attention",
  )

const rotaryOf = Effect.fnUntraced(function* (config: Config, where: string) {
  const headSize = config.hidden_size / config.num_attention_heads
  if (headSize % 2 === 1) {
    return yield* new EncoderInvalid({
      where: `${where}, config.json`,
      expected: "heads of an even size, whose halves are turned against each other",
      got: `${headSize}`,
      advice: "",
    })
  }
  const types = typesOf(config)
  if (types.length !== config.num_hidden_layers) {
    return yield* new EncoderInvalid({
      where: `${where}, config.json, layer_types`,
      expected: `one for each of ${config.num_hidden_layers} blocks`,
      got: `${types.length}`,
      advice: "",
    })
  }
  return { layerTypes: types, thetas: thetasOf(config), reach: Math.floor((config.local_attention ?? 128) / 2) }
})

const drops: TransformerBlock.Drops = { shares: "attention", attended: "attention", active: "hidden" }

/** After any reading: a map, an activation and a normalisation, which a pre-trained checkpoint may bring. */
const head: Family["heads"]["cls"] = (group, { hidden, epsilon, initializerRange }, classes) => {
  const dense = Linear.unbiased(`${group}.head.dense`, group, { inputs: hidden, outputs: hidden, initializerRange })
  const norm = LayerNorm.unbiased(`${group}.head.norm`, group, { hidden, epsilon })
  const classifier = Linear.make(`${group}.classifier`, group, { inputs: hidden, outputs: classes, initializerRange })
  return {
    parameters: [...Linear.parameters(dense), ...LayerNorm.parameters(norm), ...Linear.parameters(classifier)],
    logits: (weights, vectors, drop) => {
      const activated = Op.Gelu(Linear.forward(dense, weights, vectors))
      return Linear.forward(classifier, weights, drop(LayerNorm.forward(norm, weights, activated), "read"))
    },
  }
}

export const ModernBert: Family = {
  modelType: "modernbert",
  prefix: "model",
  dimensions: Effect.fnUntraced(function* (json, where) {
    const config = yield* ConfigJson.decode(Config, json, where)
    return yield* ConfigJson.dimensions(where, {
      blocks: config.num_hidden_layers,
      hidden: config.hidden_size,
      heads: config.num_attention_heads,
      intermediate: config.intermediate_size,
      vocab: config.vocab_size,
      positions: config.max_position_embeddings,
      types: 0,
      activation: config.hidden_activation ?? "gelu",
      epsilon: config.norm_eps ?? 1e-5,
      initializerRange: config.initializer_range ?? 0.02,
      rotary: yield* rotaryOf(config, where),
    })
  }),
  config: (dimensions) => {
    const { layerTypes: types, thetas, reach } = rotary(dimensions)
    return {
      architectures: ["ModernBertModel"],
      attention_bias: false,
      attention_dropout: 0,
      classifier_activation: "gelu",
      classifier_bias: false,
      classifier_dropout: 0,
      classifier_pooling: "cls",
      embedding_dropout: 0,
      global_rope_theta: thetas.full_attention,
      hidden_activation: dimensions.activation,
      hidden_size: dimensions.hidden,
      initializer_range: dimensions.initializerRange,
      intermediate_size: dimensions.intermediate,
      layer_types: types,
      local_attention: 2 * reach,
      local_rope_theta: thetas.sliding_attention,
      max_position_embeddings: dimensions.positions,
      mlp_bias: false,
      mlp_dropout: 0,
      model_type: "modernbert",
      norm_bias: false,
      norm_eps: dimensions.epsilon,
      num_attention_heads: dimensions.heads,
      num_hidden_layers: dimensions.blocks,
      pad_token_id: 0,
      vocab_size: dimensions.vocab,
    }
  },
  network: (dimensions) => {
    const { hidden, epsilon, headSize, positions } = dimensions
    const { layerTypes: types, thetas, reach } = rotary(dimensions)
    const biases = { full_attention: ScoreBias.padding, sliding_attention: ScoreBias.sliding(reach) }
    const angles = (type: LayerType) => Rotary.make({ theta: thetas[type], headSize, positions })
    const turns = { full_attention: angles("full_attention"), sliding_attention: angles("sliding_attention") }
    return {
      dimensions,
      embeddings: {
        words: Embeddings.table("model.embeddings.tok_embeddings", dimensions.vocab, dimensions),
        positions: undefined,
        types: undefined,
        norm: LayerNorm.unbiased("model.embeddings.norm", Group.embeddings, { hidden, epsilon }),
        project: undefined,
      },
      blocks: types.map((type, index) => block(dimensions, index, { bias: biases[type], rotary: turns[type] })),
    }
  },
  brought: [
    { name: "head.dense", copiedTo: "head.dense" },
    { name: "head.norm", copiedTo: "head.norm" },
  ],
  heads: { cls: head, mean: head, tokens: head },
}

const rotary = ({ rotary }: Parameters<Family["network"]>[0]) => {
  if (rotary === undefined) throw new RangeError("the dimensions of a ModernBERT say how its blocks know positions")
  return rotary
}

const block = (
  dimensions: Parameters<Family["network"]>[0],
  index: number,
  seeing: Pick<TransformerBlock.TransformerBlock["attention"], "bias" | "rotary">,
): TransformerBlock.TransformerBlock => {
  const { hidden, intermediate, epsilon, initializerRange } = dimensions
  const group = Group.block(index)
  const linear = (name: string, inputs: number, outputs: number) =>
    Linear.unbiased(`model.layers.${index}.${name}`, group, { inputs, outputs, initializerRange })
  const norm = (name: string) => LayerNorm.unbiased(`model.${name}`, group, { hidden, epsilon })
  const joint = linear("attn.Wqkv", hidden, 3 * hidden)
  const part = (at: number): Linear.Linear => ({ ...joint, outputs: { start: at * hidden, end: (at + 1) * hidden } })
  return {
    group,
    attention: {
      query: part(0),
      key: part(1),
      value: part(2),
      output: linear("attn.Wo", hidden, hidden),
      ...seeing,
    },
    attentionNorm: index === 0 ? undefined : norm(`layers.${index}.attn_norm`),
    intermediate: linear("mlp.Wi", hidden, 2 * intermediate),
    activation: Activation.gated(dimensions.activation, intermediate),
    output: linear("mlp.Wo", intermediate, hidden),
    outputNorm: norm(`layers.${index}.mlp_norm`),
    residual: Residual.normaliseBefore,
    finalNorm: index === dimensions.blocks - 1 ? norm("final_norm") : undefined,
    drops,
  }
}
