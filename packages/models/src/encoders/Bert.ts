/**
 * BERT (Devlin et al. 2018, arXiv 1810.04805) as transformers' `BertModel` computes it; also MiniLM, FinBERT, BioBERT
 * and other checkpoints of this `model_type`.
 */
import * as Op from "@thaw/onnx/Op"
import { Effect, Schema } from "effect"
import * as ConfigJson from "../ConfigJson.ts"
import * as Embeddings from "../Embeddings.ts"
import type { Family } from "../Family.ts"
import * as Group from "../Group.ts"
import * as Linear from "../Linear.ts"
import * as LinearHead from "../LinearHead.ts"
import * as TransformerBlock from "../TransformerBlock.ts"

/** What of `config.json` families with BERT's blocks read. */
export const Config = Schema.Struct({
  vocab_size: ConfigJson.Count,
  hidden_size: ConfigJson.Count,
  num_hidden_layers: ConfigJson.Count,
  num_attention_heads: ConfigJson.Count,
  intermediate_size: ConfigJson.Count,
  max_position_embeddings: ConfigJson.Count,
  type_vocab_size: Schema.optionalKey(ConfigJson.Count),
  hidden_act: Schema.optionalKey(ConfigJson.Activation),
  layer_norm_eps: Schema.optionalKey(Schema.Finite),
  initializer_range: Schema.optionalKey(Schema.Finite),
  position_embedding_type: Schema.optionalKey(Schema.Literal("absolute")),
  is_decoder: Schema.optionalKey(Schema.Literal(false)),
  add_cross_attention: Schema.optionalKey(Schema.Literal(false)),
})

/** What they all say with the same fields. */
export const common = (config: Omit<typeof Config.Type, "type_vocab_size">) => ({
  blocks: config.num_hidden_layers,
  hidden: config.hidden_size,
  heads: config.num_attention_heads,
  intermediate: config.intermediate_size,
  vocab: config.vocab_size,
  activation: config.hidden_act ?? "gelu",
  epsilon: config.layer_norm_eps ?? 1e-12,
  initializerRange: config.initializer_range ?? 0.02,
})

export const names: TransformerBlock.Names = {
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  attentionOutput: "attention.output.dense",
  attentionNorm: "attention.output.LayerNorm",
  intermediate: "intermediate.dense",
  output: "output.dense",
  outputNorm: "output.LayerNorm",
}

export const drops: TransformerBlock.Drops = { shares: "attention", attended: "hidden", narrow: "hidden" }

const sentenceHead: Family["heads"]["cls"] = (group, { hidden, initializerRange }, classes) => {
  const pooler = Linear.make(`${group}.pooler.dense`, group, { inputs: hidden, outputs: hidden, initializerRange })
  const classifier = Linear.make(`${group}.classifier`, group, { inputs: hidden, outputs: classes, initializerRange })
  return {
    parameters: [...Linear.parameters(pooler), ...Linear.parameters(classifier)],
    logits: (weights, first, drop) => {
      const pooled = Op.Tanh(Linear.forward(pooler, weights, first))
      return Linear.forward(classifier, weights, drop(pooled, "read"))
    },
  }
}

export const Bert: Family = {
  modelType: "bert",
  prefix: "bert",
  dimensions: Effect.fnUntraced(function* (json, where) {
    const config = yield* ConfigJson.decode(Config, json, where)
    return yield* ConfigJson.dimensions(where, {
      ...common(config),
      positions: config.max_position_embeddings,
      types: config.type_vocab_size ?? 2,
    })
  }),
  config: (dimensions) => ({
    architectures: ["BertModel"],
    attention_probs_dropout_prob: 0.1,
    hidden_act: dimensions.activation,
    hidden_dropout_prob: 0.1,
    hidden_size: dimensions.hidden,
    initializer_range: dimensions.initializerRange,
    intermediate_size: dimensions.intermediate,
    layer_norm_eps: dimensions.epsilon,
    max_position_embeddings: dimensions.positions,
    model_type: "bert",
    num_attention_heads: dimensions.heads,
    num_hidden_layers: dimensions.blocks,
    pad_token_id: 0,
    position_embedding_type: "absolute",
    type_vocab_size: dimensions.types,
    vocab_size: dimensions.vocab,
  }),
  network: (dimensions) => ({
    dimensions,
    embeddings: Embeddings.make("bert.embeddings", dimensions),
    blocks: Array.from({ length: dimensions.blocks }, (_, index) =>
      TransformerBlock.make(`bert.encoder.layer.${index}`, Group.block(index), names, drops, dimensions),
    ),
  }),
  brought: [{ name: "bert.pooler.dense", copiedTo: "pooler.dense" }],
  heads: { cls: sentenceHead, mean: LinearHead.make, tokens: LinearHead.make },
}
