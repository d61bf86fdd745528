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
import * as Activation from "./Activation.ts"
import type { Dimensions } from "./Dimensions.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import { EncoderInvalid } from "./Errors.ts"
import type { Family } from "./Family.ts"
import * as Group from "./Group.ts"
import * as Inputs from "./Inputs.ts"
import * as LayerNorm from "./LayerNorm.ts"
import * as Linear from "./Linear.ts"
import * as Network from "./Network.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import * as UpstreamWeights from "./UpstreamWeights.ts"

/** How a family's head is named and computed. */
interface Form {
  /** Upstream's names of its parts. */
  readonly dense: string
  readonly norm: string
  readonly decoder: string
  /** Where the decoder's bias may be stored. */
  readonly bias: ReadonlyArray<string>
  /** Between the dense map and the normalisation; the encoder's own where undefined. */
  readonly activation: Dimensions["activation"] | undefined
  /** Whether the dense map and the normalisation have biases. */
  readonly isBiased: boolean
}

const lmHead: Form = {
  dense: "lm_head.dense",
  norm: "lm_head.layer_norm",
  decoder: "lm_head.decoder",
  bias: ["lm_head.bias", "lm_head.decoder.bias"],
  activation: "gelu",
  isBiased: true,
}

/** As transformers' `…ForMaskedLM` has them (src/transformers/models/<family>/modeling_*.py). */
const forms: { readonly [T in Family["modelType"]]: Form } = {
  bert: {
    dense: "cls.predictions.transform.dense",
    norm: "cls.predictions.transform.LayerNorm",
    decoder: "cls.predictions.decoder",
    bias: ["cls.predictions.bias", "cls.predictions.decoder.bias"],
    activation: undefined,
    isBiased: true,
  },
  distilbert: {
    dense: "vocab_transform",
    norm: "vocab_layer_norm",
    decoder: "vocab_projector",
    bias: ["vocab_projector.bias"],
    activation: undefined,
    isBiased: true,
  },
  // Of the generator: a discriminator was never asked for words.
  electra: {
    dense: "generator_predictions.dense",
    norm: "generator_predictions.LayerNorm",
    decoder: "generator_lm_head",
    bias: ["generator_lm_head.bias"],
    activation: "gelu",
    isBiased: true,
  },
  modernbert: {
    dense: "head.dense",
    norm: "head.norm",
    decoder: "decoder",
    bias: ["decoder.bias"],
    activation: "gelu",
    isBiased: false,
  },
  mpnet: lmHead,
  roberta: lmHead,
  "xlm-roberta": lmHead,
}

/**
 * Families whose heads are read to fill gaps in texts. Tokens of byte-level BPE and of Unigram say by a mark where a word
 * begins, so that whoever fills a gap cannot take them for words.
 */
const filling: ReadonlyArray<Family["modelType"]> = ["bert", "distilbert"]

/** The head's maps; the decoder's weight is the table of words where it is tied. */
export interface MaskedHead {
  readonly dense: Linear.Linear
  readonly norm: LayerNorm.LayerNorm
  readonly decoder: Linear.Linear
  readonly activation: Dimensions["activation"]
}

/** Where the head's parameters belong, and what their names begin with. */
interface Place {
  readonly group: Group.Group
  readonly prefix: string
}

const partsOf = ({ family, dimensions }: EncoderConfig.EncoderConfig, { group, prefix }: Place): MaskedHead => {
  const { hidden, vocab, epsilon, initializerRange, embedding = hidden } = dimensions
  const form = forms[family.modelType]
  const [map, norm] = form.isBiased ? [Linear.make, LayerNorm.make] : [Linear.unbiased, LayerNorm.unbiased]
  return {
    dense: map(prefix + form.dense, group, { inputs: hidden, outputs: embedding, initializerRange }),
    norm: norm(prefix + form.norm, group, { hidden: embedding, epsilon }),
    decoder: Linear.make(prefix + form.decoder, group, { inputs: embedding, outputs: vocab, initializerRange }),
    activation: form.activation ?? dimensions.activation,
  }
}

/** A task's head, whose decoder is the encoder's table of words: its own parameters are the others. */
export const tied = (config: EncoderConfig.EncoderConfig, group: Group.Group): MaskedHead => {
  const parts = partsOf(config, { group, prefix: `${group}.` })
  return { ...parts, decoder: { ...parts.decoder, weight: EncoderConfig.network(config).embeddings.words } }
}

const alone: Place = { group: Group.head("masked"), prefix: "" }

const parametersOf = ({ dense, norm, decoder }: MaskedHead): ReadonlyArray<Parameter> => [
  ...Linear.parameters(dense),
  ...LayerNorm.parameters(norm),
  ...Linear.parameters(decoder),
]

/** The head's tensors, under upstream's names; the decoder's weight is among them, tied or not. */
export const parameters = (config: EncoderConfig.EncoderConfig): ReadonlyArray<Parameter> =>
  parametersOf(partsOf(config, alone))

/** Those that are the head's own, the table of words left out. */
export const ownParameters = (head: MaskedHead): ReadonlyArray<Parameter> =>
  parametersOf(head).filter(({ group }) => group === head.dense.weight.group)

/** Names of a task's head, here and in upstream's files, which have the decoder's bias where `…ForMaskedLM` saves it. */
export const upstreamNames = (
  config: EncoderConfig.EncoderConfig,
  group: Group.Group,
): ReadonlyArray<readonly [own: string, upstream: string]> => {
  const { decoder, bias } = forms[config.family.modelType]
  return ownParameters(tied(config, group)).map(({ name }) => {
    const local = name.slice(group.length + 1)
    return [name, local === `${decoder}.bias` ? bias[0]! : local]
  })
}

/** A tensor of a pre-trained checkpoint that a task's head starts from. */
export interface Brought {
  /** In a head, and in checkpoints that keep it for heads to come. */
  readonly name: string
  /** In files. */
  readonly spellings: ReadonlyArray<string>
  readonly shape: ReadonlyArray<number>
}

/**
 * What a checkpoint of `…ForMaskedLM` or `…ForPreTraining` has of a head whose decoder is the table of words; nothing where
 * its config says that the decoder is another one.
 */
export const brought = (config: EncoderConfig.EncoderConfig): ReadonlyArray<Brought> => {
  if (config.json["tie_word_embeddings"] === false) return []
  const parts = partsOf(config, alone)
  const own = parametersOf(parts).filter(({ name }) => name !== parts.decoder.weight.name)
  return own.map(({ name, shape }) => ({ name, spellings: spellings(config.family, name), shape }))
}

/** Names that files may have for a tensor of the head. */
const spellings = ({ modelType }: Pick<Family, "modelType">, name: string): ReadonlyArray<string> => {
  const { decoder, bias, norm } = forms[modelType]
  if (name === `${decoder}.bias`) return bias
  const old = name.replace(/\.weight$/u, ".gamma").replace(/\.bias$/u, ".beta")
  return name.startsWith(`${norm}.`) ? [name, old] : [name]
}

/**
 * @param vectors [masked, hidden], of the masked tokens alone
 * @returns [masked, vocab]
 */
export const logits = (
  { dense, norm, decoder, activation }: MaskedHead,
  weights: Weights,
  vectors: Value.Value,
): Value.Value => {
  const active = Activation.named[activation](Linear.forward(dense, weights, vectors))
  return Linear.forward(decoder, weights, LayerNorm.forward(norm, weights, active))
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
 * of each example.
 */
export const make = (config: EncoderConfig.EncoderConfig, weights: Weights): MaskedModel => {
  const network = EncoderConfig.network(config)
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
  return {
    graph: Graph.make({
      name: "masked token",
      outputs: { logits: logits(partsOf(config, alone), weights, masked) },
    }),
    parameters: [...Network.parameters(network), ...parameters(config)],
  }
}

/**
 * The head's tensors of an encoder's file. Fails with `EncoderInvalid` where the file has no such head, or one that
 * fills no gaps.
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
  const { modelType } = config.family
  if (!filling.includes(modelType)) {
    return yield* new EncoderInvalid({
      where,
      expected: `an encoder of a family whose masked-token head is known: ${Problem.list(filling)}`,
      got: JSON.stringify(modelType),
      advice: "",
    })
  }
  const own = forms[modelType]
  const reader = yield* Safetensors.open(path)
  const tensors: Record<string, Tensor.Tensor> = {}
  for (const { name, shape } of parameters(config)) {
    const stored = spellings(config.family, name).find((spelling) => reader.entries.has(spelling))
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
