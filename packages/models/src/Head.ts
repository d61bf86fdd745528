/**
 * Heads: what answers a task from the encoder's vectors. An author says which kind a task has; its labels come from the
 * data.
 *
 * The default form of a head is its family's own, which transformers loads unchanged. Mean pooling is a choice that
 * gives that up.
 */
import { Schema } from "effect"
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import * as Dropout from "./Dropout.ts"
import type { EncoderConfig } from "./EncoderConfig.ts"
import * as Group from "./Group.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import type * as Pooling from "./Pooling.ts"

/** As authors write it and pipelines keep it. */
export const Head = Schema.Union([
  /** One label per example; `cls` is the family's own form. */
  Schema.Struct({ kind: Schema.Literal("classification"), pooling: Schema.Literals(["cls", "mean"]) }),
  /** One label per token. */
  Schema.Struct({ kind: Schema.Literal("tokenClassification") }),
])
export type Head = typeof Head.Type

/** One label per example, in the form of the encoder's family unless `pooling` says `mean`. */
export const classification = (options: { readonly pooling?: "cls" | "mean" } = {}): Head => ({
  kind: "classification",
  pooling: options.pooling ?? "cls",
})

/** One label per token, such as BIO tags. */
export const tokenClassification = (): Head => ({ kind: "tokenClassification" })

/** A head as part of a network. */
export interface Network {
  readonly parameters: ReadonlyArray<Parameter>
  /** What of the encoder's vectors `logits` takes. */
  readonly reads: Pooling.Reading
  /**
   * @param vectors what the head reads, [units, hidden]; units are the examples (batch) or the tokens (batch*tokens)
   * @returns [units, classes]
   */
  readonly logits: (weights: Weights, vectors: Value, drop?: Dropout.Drop) => Value
  /** Dimensions of the task's labels. */
  readonly units: readonly ["batch"] | readonly ["batch", "tokens"]
}

/** @param classes how many labels the task has */
export const network = (head: Head, task: string, classes: number, { family, dimensions }: EncoderConfig): Network => {
  const group = Group.head(task)
  const reads = head.kind === "classification" ? head.pooling : "tokens"
  const { parameters, logits } = family.heads[reads](group, dimensions, classes)
  return {
    parameters,
    reads,
    logits: (weights, vectors, drop = Dropout.none) =>
      logits(weights, vectors, (x, name) => drop(x, { group, name, rate: "head" })),
    units: reads === "tokens" ? ["batch", "tokens"] : ["batch"],
  }
}

/** Labels of a task as one row, [units]. */
export const flatLabels = (labels: Value): Value => (labels.shape.length === 1 ? labels : Op.Reshape(labels, [-1]))
