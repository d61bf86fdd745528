/**
 * DistilBERT (Sanh et al. 2019, arXiv 1910.01108) as transformers' `DistilBertModel` computes it: BERT's blocks, without
 * token types and without a pooler.
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

const Config = Schema.Struct({
  vocab_size: ConfigJson.Count,
  dim: ConfigJson.Count,
  n_layers: ConfigJson.Count,
  n_heads: ConfigJson.Count,
  hidden_dim: ConfigJson.Count,
  max_position_embeddings: ConfigJson.Count,
  activation: Schema.optionalKey(ConfigJson.Activation),
  initializer_range: Schema.optionalKey(Schema.Finite),
})

/** Fixed in upstream's code, not in its config. */
const epsilon = 1e-12

const names: TransformerBlock.Names = {
  query: "attention.q_lin",
  key: "attention.k_lin",
  value: "attention.v_lin",
  attentionOutput: "attention.out_lin",
  attentionNorm: "sa_layer_norm",
  intermediate: "ffn.lin1",
  output: "ffn.lin2",
  outputNorm: "output_layer_norm",
}

/** Unlike BERT's, what attention gives is kept whole. */
const drops: TransformerBlock.Drops = { shares: "attention", narrow: "hidden" }

const sentenceHead: Family["heads"]["cls"] = (group, { hidden, initializerRange }, classes) => {
  const dense = Linear.make(`${group}.pre_classifier`, group, { inputs: hidden, outputs: hidden, initializerRange })
  const classifier = Linear.make(`${group}.classifier`, group, { inputs: hidden, outputs: classes, initializerRange })
  return {
    parameters: [...Linear.parameters(dense), ...Linear.parameters(classifier)],
    logits: (weights, first, drop) => {
      const activated = Op.Relu(Linear.forward(dense, weights, first))
      return Linear.forward(classifier, weights, drop(activated, "read"))
    },
  }
}

export const DistilBert: Family = {
  modelType: "distilbert",
  prefix: "distilbert",
  dimensions: Effect.fnUntraced(function* (json, where) {
    const config = yield* ConfigJson.decode(Config, json, where)
    return yield* ConfigJson.dimensions(where, {
      blocks: config.n_layers,
      hidden: config.dim,
      heads: config.n_heads,
      intermediate: config.hidden_dim,
      vocab: config.vocab_size,
      positions: config.max_position_embeddings,
      types: 0,
      activation: config.activation ?? "gelu",
      epsilon,
      initializerRange: config.initializer_range ?? 0.02,
    })
  }),
  config: (dimensions) => ({
    activation: dimensions.activation,
    architectures: ["DistilBertModel"],
    attention_dropout: 0.1,
    dim: dimensions.hidden,
    dropout: 0.1,
    hidden_dim: dimensions.intermediate,
    initializer_range: dimensions.initializerRange,
    max_position_embeddings: dimensions.positions,
    model_type: "distilbert",
    n_heads: dimensions.heads,
    n_layers: dimensions.blocks,
    pad_token_id: 0,
    sinusoidal_pos_embds: false,
    vocab_size: dimensions.vocab,
  }),
  network: (dimensions) => ({
    dimensions,
    embeddings: Embeddings.make("distilbert.embeddings", dimensions),
    blocks: Array.from({ length: dimensions.blocks }, (_, index) =>
      TransformerBlock.make(`distilbert.transformer.layer.${index}`, Group.block(index), names, drops, dimensions),
    ),
  }),
  brought: [],
  heads: { cls: sentenceHead, mean: LinearHead.make, tokens: LinearHead.make },
}
