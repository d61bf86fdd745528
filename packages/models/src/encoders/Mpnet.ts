/**
 * MPNet (Song et al. 2020, arXiv 2004.09297) as transformers' `MPNetModel` computes it: RoBERTa's positions, no token
 * types, and one table of relative position biases that all blocks share.
 */
import * as Op from "@thaw/onnx/Op"
import { Effect, Schema } from "effect"
import * as ConfigJson from "../ConfigJson.ts"
import * as Embeddings from "../Embeddings.ts"
import type { Family } from "../Family.ts"
import * as Group from "../Group.ts"
import * as LinearHead from "../LinearHead.ts"
import * as ProjectionHead from "../ProjectionHead.ts"
import * as RelativeBias from "../RelativeBias.ts"
import * as TransformerBlock from "../TransformerBlock.ts"
import * as Bert from "./Bert.ts"

const { type_vocab_size: _, ...fields } = Bert.Config.fields
const Config = Schema.Struct({
  ...fields,
  /** Upstream's code computes with 32 whatever its config says. */
  relative_attention_num_buckets: Schema.optionalKey(Schema.Literal(RelativeBias.buckets)),
})

/** The padding token's id is 1: fixed in upstream's code, not in its config. */
const firstPosition = 2

const names: TransformerBlock.Names = {
  query: "attention.attn.q",
  key: "attention.attn.k",
  value: "attention.attn.v",
  attentionOutput: "attention.attn.o",
  attentionNorm: "attention.LayerNorm",
  intermediate: "intermediate.dense",
  output: "output.dense",
  outputNorm: "output.LayerNorm",
}

export const Mpnet: Family = {
  modelType: "mpnet",
  prefix: "mpnet",
  dimensions: Effect.fnUntraced(function* (json, where) {
    const config = yield* ConfigJson.decode(Config, json, where)
    return yield* ConfigJson.dimensions(where, {
      ...Bert.common(config),
      positions: yield* ConfigJson.positionsFrom(firstPosition, config.max_position_embeddings, where),
      firstPosition,
      types: 0,
    })
  }),
  config: (dimensions) => {
    const { type_vocab_size: _types, position_embedding_type: _kind, ...config } = Bert.Bert.config(dimensions)
    return {
      ...config,
      architectures: ["MPNetModel"],
      max_position_embeddings: firstPosition + dimensions.positions,
      model_type: "mpnet",
      pad_token_id: firstPosition - 1,
      relative_attention_num_buckets: RelativeBias.buckets,
    }
  },
  network: (dimensions) => {
    const bias = RelativeBias.make("mpnet.encoder.relative_attention_bias", dimensions)
    return {
      dimensions,
      embeddings: Embeddings.make("mpnet.embeddings", dimensions),
      blocks: Array.from({ length: dimensions.blocks }, (_block, index) =>
        TransformerBlock.make(`mpnet.encoder.layer.${index}`, Group.block(index), names, Bert.drops, dimensions, bias),
      ),
    }
  },
  brought: [],
  heads: { cls: ProjectionHead.make(Op.Tanh), mean: LinearHead.make, tokens: LinearHead.make },
}
