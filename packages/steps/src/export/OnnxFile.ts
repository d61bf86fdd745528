/**
 * ONNX files for other tools: weights inside, int64 inputs as transformers.js and Optimum feed them.
 *
 * ```
 * input_ids, attention_mask, token_type_ids (where the family has types)   int64 [batch, tokens]
 *   ──► logits                float32 [batch, classes] or [batch, tokens, classes], of one head
 *   ──► logits.<task>         of every head
 *   ──► last_hidden_state     float32 [batch, tokens, hidden], of the encoder
 * ```
 */
import * as Artifact from "@thaw/core/Artifact"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Inputs from "@thaw/models/Inputs"
import * as Parameter from "@thaw/models/Parameter"
import * as Extent from "@thaw/onnx/Extent"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import type * as Safetensors from "@thaw/onnx/Safetensors"
import type { Value } from "@thaw/onnx/Value"

export interface Parts extends Pick<Checkpoint.Checkpoint, "config" | "heads"> {
  readonly tensors: Safetensors.Tensors
}

const valuesOf = ({ config, heads, tensors }: Parts) => {
  const inputs = Inputs.make("int64")
  return { inputs, ...InferenceModel.values(config, heads, Parameter.initializers(tensors), inputs) }
}

/** Written when asked for: a folder has a file for each head, and each of them holds all of the encoder. */
const file = (name: string, outputs: () => Values): Artifact.Content =>
  Artifact.chunks({
    *[Symbol.iterator]() {
      yield Graph.bytes(Graph.make({ name, outputs: outputs() }))
    },
  })

type Values = Readonly<Record<string, Value>>

/** How values are computed: as they are, or `DynamicQuantisation.values`. */
export type Form = (outputs: Values) => Values

/** Every head as an output. */
export const allHeads = (parts: Parts, form: Form): Artifact.Content =>
  file("all heads", () => form(valuesOf(parts).outputs))

/** One head. */
export const head = (parts: Parts, task: string, form: Form): Artifact.Content =>
  file(task, () =>
    form({ logits: valuesOf({ ...parts, heads: { [task]: parts.heads[task]! } }).outputs[`logits.${task}`]! }),
  )

/** The encoder alone. */
export const encoder = (parts: Parts, form: Form): Artifact.Content =>
  file("encoder", () => {
    const { inputs, hidden } = valuesOf({ ...parts, heads: {} })
    const shape = [
      Extent.of(inputs.attentionMask, 0),
      Extent.of(inputs.attentionMask, 1),
      parts.config.dimensions.hidden,
    ]
    return form({ last_hidden_state: Op.Reshape(hidden, shape) })
  })
