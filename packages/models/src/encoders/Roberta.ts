/**
 * RoBERTa (Liu et al. 2019, arXiv 1907.11692) as transformers' `RobertaModel` computes it, and XLM-R (Conneau et al.
 * 2019, arXiv 1911.02116), which differs in its vocabulary alone: BERT's blocks, positions counted from the one after the
 * padding token's id, and a head of its own.
 *
 * Upstream gives padding tokens that stand inside a text the padding's position, and counts on after them. Here every
 * token is counted: the texts that spell the padding token out are read otherwise.
 */
import * as Op from "@thaw/onnx/Op"
import { Effect, Schema } from "effect"
import * as ConfigJson from "../ConfigJson.ts"
import * as Embeddings from "../Embeddings.ts"
import type { Family } from "../Family.ts"
import * as Group from "../Group.ts"
import * as LinearHead from "../LinearHead.ts"
import * as ProjectionHead from "../ProjectionHead.ts"
import * as TransformerBlock from "../TransformerBlock.ts"
import * as Bert from "./Bert.ts"

const Config = Schema.Struct({
  ...Bert.Config.fields,
  pad_token_id: Schema.optionalKey(ConfigJson.Id),
})

const of = (modelType: "roberta" | "xlm-roberta", architecture: string): Family => ({
  modelType,
  prefix: "roberta",
  dimensions: Effect.fnUntraced(function* (json, where) {
    const config = yield* ConfigJson.decode(Config, json, where)
    const first = (config.pad_token_id ?? 1) + 1
    return yield* ConfigJson.dimensions(where, {
      ...Bert.common(config),
      positions: yield* ConfigJson.positionsFrom(first, config.max_position_embeddings, where),
      firstPosition: first,
      types: config.type_vocab_size ?? 2,
    })
  }),
  config: (dimensions) => {
    const first = dimensions.firstPosition ?? 2
    return {
      ...Bert.Bert.config(dimensions),
      architectures: [architecture],
      max_position_embeddings: first + dimensions.positions,
      model_type: modelType,
      pad_token_id: first - 1,
    }
  },
  network: (dimensions) => ({
    dimensions,
    embeddings: Embeddings.make("roberta.embeddings", dimensions),
    blocks: Array.from({ length: dimensions.blocks }, (_, index) =>
      TransformerBlock.make(`roberta.encoder.layer.${index}`, Group.block(index), Bert.names, Bert.drops, dimensions),
    ),
  }),
  brought: [],
  heads: { cls: ProjectionHead.make(Op.Tanh), mean: LinearHead.make, tokens: LinearHead.make },
})

export const Roberta: Family = of("roberta", "RobertaModel")
export const XlmRoberta: Family = of("xlm-roberta", "XLMRobertaModel")
