/** What every head is as a part of a network, whatever it answers. */
import type { DataType } from "@thaw/onnx/DataType"
import type { Dimension } from "@thaw/onnx/Dimension"
import type * as Tensor from "@thaw/onnx/Tensor"
import type { Value } from "@thaw/onnx/Value"
import type * as CrossEntropy from "../CrossEntropy.ts"
import type * as Dropout from "../Dropout.ts"
import type { EncoderConfig } from "../EncoderConfig.ts"
import * as Group from "../Group.ts"
import type { Parameter, Weights } from "../Parameter.ts"
import type * as Pooling from "../Pooling.ts"

export interface HeadNetwork {
  readonly parameters: ReadonlyArray<Parameter>
  /** What of the encoder's vectors the head takes. */
  readonly reads: Pooling.Reading
  /**
   * @param vectors what the head reads, [units, hidden]; units are the examples (batch), the tokens (batch*tokens) or those
   *   of them that are asked for (masked)
   * @returns [units, classes]
   */
  readonly logits: (weights: Weights, vectors: Value, drop?: Dropout.Drop) => Value
  /**
   * The task's loss, a scalar.
   *
   * @param vectors what the head reads, of all examples or tokens
   */
  readonly loss: (weights: Weights, vectors: Value, asked: Asked, drop?: Dropout.Drop) => Value
  /** Dimensions of what has an answer of its own. */
  readonly units: ReadonlyArray<Dimension>
  /**
   * What the loss of these answers is divided by where they are a batch of their own: how many units have an answer, each
   * counted as its class weighs.
   *
   * @param labels what the graph is fed as `labels.<task>`
   */
  readonly counted: (labels: Tensor.Tensor, classWeights?: ReadonlyArray<number>) => number
}

/** What a loss is asked with. */
export interface Asked extends CrossEntropy.Options {
  /** An input of the graph that belongs to the task: `labels`, and others that the head names. */
  readonly input: (name: string, dtype: DataType, shape: ReadonlyArray<Dimension>) => Value
}

/** The head of the encoder's family for what it reads: parameters and logits. */
export const ofFamily = (
  reads: Pooling.Reading,
  task: string,
  classes: number,
  { family, dimensions }: EncoderConfig,
): Pick<HeadNetwork, "parameters" | "reads" | "logits"> => {
  const group = Group.head(task)
  const { parameters, logits } = family.heads[reads](group, dimensions, classes)
  return {
    parameters,
    reads,
    logits: (weights, vectors, drop = (x) => x) =>
      logits(weights, vectors, (x, name) => drop(x, { group, name, rate: "head" })),
  }
}
