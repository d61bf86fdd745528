/**
 * ELECTRA's discriminator (Clark et al. 2020, arXiv 2003.10555) as transformers' `ElectraModel` computes it: BERT's
 * blocks over embeddings that may be shorter than the blocks' vectors and are brought to their length by one map.
 */
import * as Op from "@thaw/onnx/Op"
import { Effect, Schema } from "effect"
import * as ConfigJson from "../ConfigJson.ts"
import * as Embeddings from "../Embeddings.ts"
import type { Family } from "../Family.ts"
import * as Group from "../Group.ts"
import * as Linear from "../Linear.ts"
import * as LinearHead from "../LinearHead.ts"
import * as ProjectionHead from "../ProjectionHead.ts"
import * as TransformerBlock from "../TransformerBlock.ts"
import * as Bert from "./Bert.ts"

const Config = Schema.Struct({
  ...Bert.Config.fields,
  embedding_size: Schema.optionalKey(ConfigJson.Count),
})

export const Electra: Family = {
  modelType: "electra",
  prefix: "electra",
  dimensions: Effect.fnUntraced(function* (json, where) {
    const config = yield* ConfigJson.decode(Config, json, where)
    return yield* ConfigJson.dimensions(where, {
      ...Bert.common(config),
      positions: config.max_position_embeddings,
      types: config.type_vocab_size ?? 2,
      embedding: config.embedding_size ?? 128,
    })
  }),
  config: (dimensions) => ({
    ...Bert.Bert.config(dimensions),
    architectures: ["ElectraModel"],
    embedding_size: dimensions.embedding ?? dimensions.hidden,
    model_type: "electra",
  }),
  network: (dimensions) => {
    const { hidden, embedding = hidden, initializerRange } = dimensions
    const map = { inputs: embedding, outputs: hidden, initializerRange }
    return {
      dimensions,
      embeddings: {
        ...Embeddings.make("electra.embeddings", dimensions),
        project: embedding === hidden ? undefined : Linear.make("electra.embeddings_project", Group.embeddings, map),
      },
      blocks: Array.from({ length: dimensions.blocks }, (_, index) =>
        TransformerBlock.make(`electra.encoder.layer.${index}`, Group.block(index), Bert.names, Bert.drops, dimensions),
      ),
    }
  },
  brought: [],
  heads: { cls: ProjectionHead.make((x) => Op.Gelu(x)), mean: LinearHead.make, tokens: LinearHead.make },
}
