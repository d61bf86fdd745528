/** What tells encoder families apart: how their config is spelled, how parameters are named, what their heads look like. */
import type { Value } from "@thaw/onnx/Value"
import type { Effect } from "effect"
import type { Dimensions } from "./Dimensions.ts"
import type { EncoderInvalid } from "./Errors.ts"
import type { Group } from "./Group.ts"
import type { Network } from "./Network.ts"
import type { Parameter, Weights } from "./Parameter.ts"

export interface Family {
  /** `model_type` of `config.json`, and what names of the encoder's parameters begin with. */
  readonly modelType: "bert" | "distilbert"
  /** Reads upstream's fields; what cannot be computed as asked is refused. */
  readonly dimensions: (config: unknown, where: string) => Effect.Effect<Dimensions, EncoderInvalid>
  /** A new encoder's `config.json`. */
  readonly config: (dimensions: Dimensions) => Readonly<Record<string, unknown>>
  readonly network: (dimensions: Dimensions) => Network
  /** The product that a checkpoint of the bare encoder may bring and that a sentence head of this name starts from. */
  readonly pooler: { readonly name: string; readonly copiedTo: string } | undefined
  /** The form of a sentence classifier that transformers loads unchanged. */
  readonly sentenceHead: (group: Group, dimensions: Dimensions, classes: number) => SentenceHead
}

/** From the first token's vector to logits. */
export interface SentenceHead {
  readonly parameters: ReadonlyArray<Parameter>
  /**
   * @param first vectors of the first tokens, [batch, hidden]
   * @param drop what becomes of the vectors that the classifier reads
   * @returns [batch, classes]
   */
  readonly logits: (weights: Weights, first: Value, drop: (read: Value) => Value) => Value
}
