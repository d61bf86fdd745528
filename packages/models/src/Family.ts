/** What tells encoder families apart: how their config is spelled, how parameters are named, what their heads look like. */
import type { Value } from "@thaw/onnx/Value"
import type { Effect } from "effect"
import type { Dimensions } from "./Dimensions.ts"
import type { EncoderInvalid } from "./Errors.ts"
import type { Group } from "./Group.ts"
import type { Network } from "./Network.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import type { Reading } from "./Pooling.ts"

export interface Family {
  /** `model_type` of `config.json`. */
  readonly modelType: "bert" | "distilbert" | "electra" | "modernbert" | "mpnet" | "roberta" | "xlm-roberta"
  /** What names of the encoder's parameters begin with. */
  readonly prefix: string
  /** Reads upstream's fields; what cannot be computed as asked is refused. */
  readonly dimensions: (config: unknown, where: string) => Effect.Effect<Dimensions, EncoderInvalid>
  /** A new encoder's `config.json`. */
  readonly config: (dimensions: Dimensions) => Readonly<Record<string, unknown>>
  readonly network: (dimensions: Dimensions) => Network
  /** What a pre-trained checkpoint may bring beside the encoder, and new heads with parts of this name start from. */
  readonly brought: ReadonlyArray<Brought>
  /** Heads by what they read; the form that transformers loads unchanged, where it has one. */
  readonly heads: Readonly<Record<Reading, (group: Group, dimensions: Dimensions, classes: number) => ClassifierHead>>
}

/** A module of a checkpoint, and its name in a head. */
export interface Brought {
  readonly name: string
  readonly copiedTo: string
}

/** From vectors to logits. */
export interface ClassifierHead {
  readonly parameters: ReadonlyArray<Parameter>
  /**
   * @param vectors [units, hidden]
   * @param drop what becomes of vectors at a place of the head
   * @returns [units, classes]
   */
  readonly logits: (weights: Weights, vectors: Value, drop: (x: Value, place: string) => Value) => Value
}

/**
 * The checkpoint's name of what a head's parameter starts from, where the family brings it.
 *
 * @param local the parameter's name in its head: `pooler.dense.weight`
 */
export const broughtName = ({ brought }: Family, local: string): string | undefined => {
  const part = brought.find(({ copiedTo }) => local.startsWith(`${copiedTo}.`))
  return part === undefined ? undefined : part.name + local.slice(part.copiedTo.length)
}

/** Names and shapes of everything that a checkpoint may bring, by the module it is part of. */
export const broughtShapes = (
  family: Family,
  dimensions: Dimensions,
): ReadonlyMap<string, ReadonlyArray<readonly [name: string, shape: ReadonlyArray<number>]>> => {
  const found = new Map<string, Array<readonly [string, ReadonlyArray<number>]>>()
  for (const { name, copiedTo } of family.brought) {
    const parts = family.heads.cls("head", dimensions, 2).parameters.flatMap(({ name: own, shape }) => {
      const local = own.slice("head.".length)
      return local.startsWith(`${copiedTo}.`) ? [[name + local.slice(copiedTo.length), shape] as const] : []
    })
    found.set(name, parts)
  }
  return found
}
