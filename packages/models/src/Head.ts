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
import * as Linear from "./Linear.ts"
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
  const site: Dropout.Site = { group, name: "read", rate: "head" }
  if (head.kind === "classification" && head.pooling === "cls") {
    const { parameters, logits } = family.sentenceHead(group, dimensions, classes)
    const classified = (weights: Weights, first: Value, drop = Dropout.none) =>
      logits(weights, first, (read) => drop(read, site))
    return { parameters, reads: "cls", units: ["batch"], logits: classified }
  }
  const { hidden: size, initializerRange } = dimensions
  const classifier = Linear.make(`${group}.classifier`, group, { inputs: size, outputs: classes, initializerRange })
  const linear = {
    parameters: Linear.parameters(classifier),
    logits: (weights: Weights, vectors: Value, drop = Dropout.none) =>
      Linear.forward(classifier, weights, drop(vectors, site)),
  }
  return head.kind === "classification"
    ? { ...linear, reads: head.pooling, units: ["batch"] }
    : { ...linear, reads: "tokens", units: ["batch", "tokens"] }
}

/** Labels of a task as one row, [units]. */
export const flatLabels = (labels: Value): Value => (labels.shape.length === 1 ? labels : Op.Reshape(labels, [-1]))
