/**
 * The head that an encoder was pre-trained with: for a masked token, how likely each token of the vocabulary is
 * (BERT, arXiv 1810.04805 §3.1, as transformers' `BertForMaskedLM` computes it).
 *
 * ```
 * logits = LayerNorm(act(h · Wᵀ + b)) · Eᵀ + c      h the masked token's vector, E the table of words unless stored apart
 * ```
 */
import * as Problem from "@thaw/core/Problem"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Extent from "@thaw/onnx/Extent"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import { Effect, type Scope } from "effect"
import type { Dimensions } from "./Dimensions.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import { EncoderInvalid } from "./Errors.ts"
import * as Group from "./Group.ts"
import * as Inputs from "./Inputs.ts"
import * as LayerNorm from "./LayerNorm.ts"
import * as Linear from "./Linear.ts"
import * as Network from "./Network.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import * as Activation from "./Activation.ts"
import * as UpstreamWeights from "./UpstreamWeights.ts"

/** Upstream's names of the head's parts. */
interface Names {
  readonly dense: string
  readonly norm: string
  readonly decoder: string
  /** Where the decoder's bias may be stored. */
  readonly bias: ReadonlyArray<string>
}

const names: { readonly [modelType: string]: Names } = {
  bert: {
    dense: "cls.predictions.transform.dense",
    norm: "cls.predictions.transform.LayerNorm",
    decoder: "cls.predictions.decoder",
    bias: ["cls.predictions.bias", "cls.predictions.decoder.bias"],
  },
  distilbert: {
    dense: "vocab_transform",
    norm: "vocab_layer_norm",
    decoder: "vocab_projector",
    bias: ["vocab_projector.bias"],
  },
}

const partsOf = ({ dense, norm, decoder }: Names, { hidden, vocab, epsilon, initializerRange }: Dimensions) => ({
  dense: Linear.make(dense, head, { inputs: hidden, outputs: hidden, initializerRange }),
  norm: LayerNorm.make(norm, head, { hidden, epsilon }),
  decoder: Linear.make(decoder, head, { inputs: hidden, outputs: vocab, initializerRange }),
})

const head = Group.head("masked")

/** The head's tensors, under upstream's names; the decoder's weight is among them, tied or not. */
export const parameters = (config: EncoderConfig.EncoderConfig): ReadonlyArray<Parameter> => {
  const own = names[config.family.modelType]
  if (own === undefined) return []
  const { dense, norm, decoder } = partsOf(own, config.dimensions)
  return [...Linear.parameters(dense), ...LayerNorm.parameters(norm), ...Linear.parameters(decoder)]
}

export interface MaskedModel {
  readonly graph: Graph.Graph
  /** What the weights stand for. */
  readonly parameters: ReadonlyArray<Parameter>
}

/** Name of the input with the place of each example's masked token, int32 [batch]. */
export const placesInput = "masked_places"

/**
 * `input_ids, attention_mask, token_type_ids, masked_places ──► logits`, float32 [batch, vocab], for the one masked token
 * of each example. The family has a head: see `read`.
 */
export const make = (config: EncoderConfig.EncoderConfig, weights: Weights): MaskedModel => {
  const network = EncoderConfig.network(config)
  const { dense, norm, decoder } = partsOf(names[config.family.modelType]!, config.dimensions)
  const inputs = Inputs.make()
  const hidden = Network.forward(network, Group.ofEncoder(config.dimensions.blocks), weights, inputs)
  const places = Value.input(placesInput, "int32", ["batch"])
  const [batch, tokens] = [Extent.of(inputs.attentionMask, 0), Extent.of(inputs.attentionMask, 1)]
  const rows = Op.Reshape(hidden, [batch, tokens, config.dimensions.hidden])
  const masked = Op.Reshape(
    Op.GatherElements(rows, Op.Expand(Op.Reshape(places, [-1, 1, 1]), [batch, 1, config.dimensions.hidden]), {
      axis: 1,
    }),
    [-1, config.dimensions.hidden],
  )
  const active = Activation.named[config.dimensions.activation](Linear.forward(dense, weights, masked))
  const logits = Linear.forward(decoder, weights, LayerNorm.forward(norm, weights, active))
  return {
    graph: Graph.make({ name: "masked token", outputs: { logits } }),
    parameters: [...Network.parameters(network), ...parameters(config)],
  }
}

/**
 * The head's tensors of an encoder's file. Fails with `EncoderInvalid` where the file has no such head.
 *
 * @param words the table of words, for a decoder that is tied to it and so not stored
 * @param where how messages name the file
 */
export const read = Effect.fnUntraced(function* (
  path: string,
  config: EncoderConfig.EncoderConfig,
  words: Tensor.Tensor,
  where: string,
): Effect.fn.Return<Safetensors.Tensors, EncoderInvalid | SafetensorsBroken, Scope.Scope> {
  const own = names[config.family.modelType]
  if (own === undefined) {
    return yield* new EncoderInvalid({
      where,
      expected: `an encoder of a family whose masked-token head is known: ${Problem.list(Object.keys(names))}`,
      got: JSON.stringify(config.family.modelType),
      advice: "",
    })
  }
  const reader = yield* Safetensors.open(path)
  const spellings = (name: string): ReadonlyArray<string> => {
    if (name === `${own.decoder}.bias`) return own.bias
    const old = name.replace(/\.weight$/u, ".gamma").replace(/\.bias$/u, ".beta")
    return name.startsWith(`${own.norm}.`) ? [name, old] : [name]
  }
  const tensors: Record<string, Tensor.Tensor> = {}
  for (const { name, shape } of parameters(config)) {
    const stored = spellings(name).find((spelling) => reader.entries.has(spelling))
    if (stored === undefined && name === `${own.decoder}.weight`) {
      tensors[name] = words
      continue
    }
    if (stored === undefined) {
      return yield* new EncoderInvalid({
        where,
        expected: "an encoder with its masked-token head",
        got: `a file without ${JSON.stringify(name)}`,
        advice: "Many fine-tuned encoders leave it out; take the pre-trained one.",
      })
    }
    tensors[name] = yield* UpstreamWeights.tensor(reader, stored, shape, where)
  }
  return tensors
})
