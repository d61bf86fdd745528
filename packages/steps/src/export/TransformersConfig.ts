/** `config.json` of an exported folder: what the encoder's says, and what the folder's own head is. */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import type { EncoderConfig } from "@thaw/models/EncoderConfig"
import type { Precision } from "@thaw/onnx/Safetensors"
import type * as Head from "@thaw/models/Head"
import * as Upstream from "./Upstream.ts"

type Json = Readonly<Record<string, unknown>>

/**
 * Fields that speak of another head, of weights in another form, or of code that is not in the folder. `dtype` is the newer
 * spelling of `torch_dtype`.
 */
const others = new Set([
  "_name_or_path",
  "architectures",
  "auto_map",
  "dtype",
  "finetuning_task",
  "id2label",
  "label2id",
  "num_labels",
  "problem_type",
  "quantization_config",
  "torch_dtype",
  "transformers.js_config",
])

const common = ({ json, family }: EncoderConfig): Json => ({
  ...Object.fromEntries(Object.entries(json).filter(([name]) => !others.has(name))),
  model_type: family.modelType,
  torch_dtype: "float32",
  // Browsers look for a quantised file otherwise.
  "transformers.js_config": { dtype: "fp32" },
})

/** Of a folder with the encoder as it was pre-trained. */
export const pretrained = (config: EncoderConfig, architecture: string, precision: Precision): Json => ({
  ...common(config),
  architectures: [architecture],
  torch_dtype: precision,
  tie_word_embeddings: true,
})

/** Of the encoder alone. */
export const encoder = (config: EncoderConfig): Json => ({
  ...common(config),
  architectures: [Upstream.model(config.family)],
})

/** What a class for sequences computes with its head; a class for tokens knows one problem only. */
const problemType = {
  classification: "single_label_classification",
  tokenClassification: undefined,
  multiLabel: "multi_label_classification",
  regression: "regression",
  maskedTokens: undefined,
  sentenceEmbedding: undefined,
} as const satisfies { readonly [K in Head.Kind]: string | undefined }

/** Of the encoder with a head. Without a class of transformers' that computes it no architecture is named. */
export const task = (config: EncoderConfig, head: Checkpoint.Head): Json => {
  const { family } = config
  const names = head.kind === "regression" ? ["LABEL_0"] : head.labels
  return {
    ...common(config),
    ...(Upstream.loads(family, head) ? { architectures: [Upstream.architecture(family, head)] } : {}),
    id2label: Object.fromEntries(names.map((label, id) => [String(id), label])),
    label2id: Object.fromEntries(names.map((label, id) => [label, id])),
    // Ours: upstream keeps fields that it does not know.
    ...(head.kind === "multiLabel" ? { threshold: head.threshold } : {}),
    ...(problemType[head.kind] === undefined ? {} : { problem_type: problemType[head.kind] }),
    ...(family.modelType === "modernbert" && "pooling" in head ? { classifier_pooling: head.pooling } : {}),
  }
}
