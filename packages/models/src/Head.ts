/**
 * Heads: what answers a task from the encoder's vectors. An author says which kind a task has; its labels come from the
 * data.
 *
 * The default form of a head is its family's own, which transformers loads unchanged. Mean pooling is a choice that
 * gives that up.
 */
import type { DataType } from "@thaw/onnx/DataType"
import type { Dimension } from "@thaw/onnx/Dimension"
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as CrossEntropy from "./CrossEntropy.ts"
import type { Dimensions } from "./Dimensions.ts"
import * as Dropout from "./Dropout.ts"
import type { EncoderConfig } from "./EncoderConfig.ts"
import * as Group from "./Group.ts"
import * as MaskedHead from "./MaskedHead.ts"
import type { Parameter, Weights } from "./Parameter.ts"
import type * as Pooling from "./Pooling.ts"

/** As authors write it and pipelines keep it. */
export const Head = Schema.Union([
  /** One label per example; `cls` is the family's own form. */
  Schema.Struct({ kind: Schema.Literal("classification"), pooling: Schema.Literals(["cls", "mean"]) }),
  /** One label per token. */
  Schema.Struct({ kind: Schema.Literal("tokenClassification") }),
  /** The vocabulary's tokens that were hidden; needs no labels. */
  Schema.Struct({
    kind: Schema.Literal("maskedTokens"),
    /** Share of the tokens that are asked for. */
    rate: Schema.Number.check(Schema.isGreaterThan(0), Schema.isLessThan(1)),
    /** What is hidden as one: a token, or all tokens of a word. */
    unit: Schema.Literals(["token", "word"]),
  }),
])
export type Head = typeof Head.Type

/** One label per example, in the form of the encoder's family unless `pooling` says `mean`. */
export const classification = (options: { readonly pooling?: "cls" | "mean" } = {}): Head => ({
  kind: "classification",
  pooling: options.pooling ?? "cls",
})

/** One label per token, such as BIO tags. */
export const tokenClassification = (): Head => ({ kind: "tokenClassification" })

/**
 * Masked-token pre-training (Devlin et al. 2018, arXiv 1810.04805 §3.1): a share of an example's tokens is hidden, anew
 * each time the example is drawn, and the head says what they were. Of those asked for, 80 % become the mask token, 10 % a
 * random one and 10 % stay. With `unit: "word"`, the default, all tokens of a word are asked for together.
 *
 * The task needs texts and no labels. The decoder is the table of words itself, which gets the gradient of both uses; the
 * form is that of the family's `…ForMaskedLM`.
 */
export const maskedTokens = (options: { readonly rate?: number; readonly unit?: "token" | "word" } = {}): Head => ({
  kind: "maskedTokens",
  rate: options.rate ?? 0.15,
  unit: options.unit ?? "word",
})

/** Whether a task's answers are labels that its examples carry. */
export const isLabelled = ({ kind }: Head): boolean => kind !== "maskedTokens"

/** How many answers there are to choose from. */
export const classes = (
  { kind, labels }: Head & { readonly labels: ReadonlyArray<string> },
  { vocab }: Pick<Dimensions, "vocab">,
): number => (kind === "maskedTokens" ? vocab : labels.length)

/** A head as part of a network. */
export interface Network {
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
  /** Dimensions of the task's labels. */
  readonly units: ReadonlyArray<Dimension>
}

/** What a loss is asked with. */
export interface Asked extends CrossEntropy.Options {
  /** An input of the graph that belongs to the task: `labels`, int32 in the form of the head's `units`, and others. */
  readonly input: (name: string, dtype: DataType, shape: ReadonlyArray<Dimension>) => Value
}

/** @param classes how many labels the task has */
export const network = (head: Head, task: string, classes: number, config: EncoderConfig): Network =>
  head.kind === "maskedTokens"
    ? masked(Group.head(task), config)
    : classifier(head.kind === "classification" ? head.pooling : "tokens", Group.head(task), classes, config)

const classifier = (
  reads: Pooling.Reading,
  group: Group.Group,
  classes: number,
  { family, dimensions }: EncoderConfig,
): Network => {
  const { parameters, logits: of } = family.heads[reads](group, dimensions, classes)
  const logits: Network["logits"] = (weights, vectors, drop = Dropout.none) =>
    of(weights, vectors, (x, name) => drop(x, { group, name, rate: "head" }))
  const units = reads === "tokens" ? ["batch", "tokens"] : ["batch"]
  return {
    parameters,
    reads,
    logits,
    loss: (weights, vectors, { input, ...options }, drop) =>
      CrossEntropy.loss(logits(weights, vectors, drop), flat(input("labels", "int32", units)), options),
    units,
  }
}

const masked = (group: Group.Group, config: EncoderConfig): Network => {
  const head = MaskedHead.tied(config, group)
  const logits: Network["logits"] = (weights, vectors) => MaskedHead.logits(head, weights, vectors)
  const units = ["masked"]
  return {
    parameters: MaskedHead.ownParameters(head),
    reads: "tokens",
    logits,
    loss: (weights, vectors, { input, ...options }) => {
      const places = input("places", "int32", units)
      const asked = logits(weights, Op.Gather(vectors, places, { axis: 0 }))
      return CrossEntropy.loss(asked, input("labels", "int32", units), options)
    },
    units,
  }
}

/** Labels as one row, [units]. */
const flat = (labels: Value): Value => (labels.shape.length === 1 ? labels : Op.Reshape(labels, [-1]))
