/**
 * What makes a folder of transformers' one of sentence-transformers': a list of modules and their settings, in the older
 * spelling, which versions 2 to 6 load.
 */
import type * as Artifact from "@thaw/core/Artifact"
import * as JsonText from "./JsonText.ts"

/** How the vectors of a text's tokens become one. */
export type Pooling = "mean" | "cls"

export interface Settings {
  readonly pooling: Pooling
  /** How vectors are compared; left to the library where undefined. */
  readonly similarity?: "cosine" | "euclidean" | undefined
  /** Length of a vector. */
  readonly hidden: number
  readonly maxTokens: number
}

export const files = ({ pooling, similarity, hidden, maxTokens }: Settings): Artifact.Files =>
  new Map([
    [
      "modules.json",
      JsonText.of([
        { idx: 0, name: "0", path: "", type: "sentence_transformers.models.Transformer" },
        { idx: 1, name: "1", path: "1_Pooling", type: "sentence_transformers.models.Pooling" },
      ]),
    ],
    [
      "1_Pooling/config.json",
      JsonText.of({
        word_embedding_dimension: hidden,
        pooling_mode_cls_token: pooling === "cls",
        pooling_mode_mean_tokens: pooling === "mean",
        pooling_mode_max_tokens: false,
        pooling_mode_mean_sqrt_len_tokens: false,
      }),
    ],
    // Lowercasing is the tokenizer's own business.
    ["sentence_bert_config.json", JsonText.of({ max_seq_length: maxTokens, do_lower_case: false })],
    // Without versions of libraries, which were not there.
    [
      "config_sentence_transformers.json",
      JsonText.of({
        default_prompt_name: null,
        prompts: {},
        ...(similarity === undefined ? {} : { similarity_fn_name: similarity }),
      }),
    ],
  ])
