/**
 * Heads: what answers a task from the encoder's vectors. An author says which kind a task has; its labels come from the
 * data.
 *
 * The default form of a head is its family's own, which transformers loads unchanged. Mean pooling is a choice that
 * gives that up.
 */
import type * as Safetensors from "@thaw/onnx/Safetensors"
import { Schema } from "effect"
import type { Dimensions } from "./Dimensions.ts"
import type { EncoderConfig } from "./EncoderConfig.ts"
import * as Classification from "./heads/Classification.ts"
import type { HeadNetwork } from "./heads/HeadNetwork.ts"
import * as MaskedTokens from "./heads/MaskedTokens.ts"
import * as MultiLabel from "./heads/MultiLabel.ts"
import * as Regression from "./heads/Regression.ts"
import * as SentenceEmbedding from "./heads/SentenceEmbedding.ts"
import * as TokenClassification from "./heads/TokenClassification.ts"
import type * as PairLoss from "./PairLoss.ts"
import type * as Pooling from "./Pooling.ts"

/** As authors write it and pipelines keep it. */
export const Head = Schema.Union([
  Classification.Classification,
  TokenClassification.TokenClassification,
  MultiLabel.MultiLabel,
  Regression.Regression,
  MaskedTokens.MaskedTokens,
  SentenceEmbedding.SentenceEmbedding,
])
export type Head = typeof Head.Type

export const Kind = Schema.Literals([
  "classification",
  "tokenClassification",
  "multiLabel",
  "regression",
  "maskedTokens",
  "sentenceEmbedding",
])
export type Kind = Head["kind"]

/** One label per example, in the form of the encoder's family unless `pooling` says `mean`. */
export const classification = (options: { readonly pooling?: "cls" | "mean" } = {}): Head => ({
  kind: "classification",
  pooling: options.pooling ?? "cls",
})

/** One label per token, such as BIO tags. */
export const tokenClassification = (): Head => ({ kind: "tokenClassification" })

/**
 * Any number of labels an example, none included; each is answered where it is likelier than `threshold`, 0.5 unless
 * given. For tasks whose examples have label sets.
 */
export const multiLabel = (options: { readonly pooling?: "cls" | "mean"; readonly threshold?: number } = {}): Head => ({
  kind: "multiLabel",
  pooling: options.pooling ?? "cls",
  threshold: options.threshold ?? 0.5,
})

/**
 * A number an example. For tasks whose examples have scores.
 *
 * The head learns scores by how many `scale` they are away from `center`: unless given, the standard deviation and the mean
 * of its training examples, so that scores may be of any size and the loss of always giving the mean is 1.
 */
export const regression = (
  options: { readonly pooling?: "cls" | "mean"; readonly center?: number; readonly scale?: number } = {},
): Head => ({ kind: "regression", ...options, pooling: options.pooling ?? "cls" })

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

/**
 * Vectors of whole texts (Reimers & Gurevych 2019, arXiv 1908.10084), learnt from pairs of them: `loss` says how, see
 * `PairLoss`, and what examples have to say. `Head.sentenceEmbedding({ loss: PairLoss.multipleNegativesRanking() })`.
 *
 * The two texts are encoded each for itself. A vector is the mean of its text's token vectors unless `pooling` says `cls`;
 * the head adds no weights to it, so it learns nothing over a frozen encoder. Exported, it is `encoder/`.
 */
export const sentenceEmbedding = (options: {
  readonly loss: PairLoss.PairLoss
  readonly pooling?: "cls" | "mean"
}): Head => ({ kind: "sentenceEmbedding", pooling: options.pooling ?? "mean", loss: options.loss })

/** What tells kinds apart for whoever feeds them and reads their answers. */
export interface Traits {
  /** Role of the column that a task's answers are in, see `Dataset`; undefined: what a text is asked has no answer there. */
  readonly role: "label" | "tags" | "labels" | "score" | undefined
  /** What has an answer of its own. */
  readonly unit: "example" | "token" | "pair"
  /** With fewer labels there is nothing to learn; 0: the kind has none. */
  readonly fewestLabels: 0 | 1 | 2
}

export const traits = {
  classification: { role: "label", unit: "example", fewestLabels: 2 },
  tokenClassification: { role: "tags", unit: "token", fewestLabels: 2 },
  multiLabel: { role: "labels", unit: "example", fewestLabels: 1 },
  regression: { role: "score", unit: "example", fewestLabels: 0 },
  maskedTokens: { role: undefined, unit: "token", fewestLabels: 0 },
  // Two texts have one, and its role is their loss's business.
  sentenceEmbedding: { role: undefined, unit: "pair", fewestLabels: 0 },
} as const satisfies { readonly [K in Kind]: Traits }

/** Whether any text can be asked for the task's answer: one that examples carry. */
export const isLabelled = ({ kind }: Pick<Head, "kind">): boolean => traits[kind].role !== undefined

/** What of the encoder's vectors the head takes. */
export const reads = (head: Head): Pooling.Reading => ("pooling" in head ? head.pooling : "tokens")

/** With the labels of its task, in the order of their classes. */
export type Labelled = Head & { readonly labels: ReadonlyArray<string> }

/** Whether the head has weights of its own to train. */
export const hasWeights = ({ kind }: Pick<Head, "kind">): boolean => kind !== "sentenceEmbedding"

/** How many numbers a head that answers texts gives for each of them, or for each token. */
export const outputs = ({ kind, labels }: Labelled): number => (kind === "regression" ? 1 : labels.length)

/**
 * What guessing costs: the loss of holding all answers for equally likely or, of numbers, of always giving the mean.
 *
 * @param labels how many the task has; undefined where that is not known
 */
export const guessing = (
  { kind }: Head,
  labels: number | undefined,
  { vocab }: Pick<Dimensions, "vocab">,
): number | undefined => {
  switch (kind) {
    case "classification":
    case "tokenClassification":
      return labels === undefined ? undefined : Math.log(labels)
    case "multiLabel":
      return Math.log(2)
    case "regression":
      return 1
    case "maskedTokens":
      return Math.log(vocab)
    // It follows from the loss, the batch and the pairs: none is taken for all.
    case "sentenceEmbedding":
      return 1
  }
}

/** @param labels how many the task has */
export const network = (head: Head, task: string, labels: number, config: EncoderConfig): HeadNetwork => {
  switch (head.kind) {
    case "classification":
      return Classification.network(head, task, labels, config)
    case "tokenClassification":
      return TokenClassification.network(head, task, labels, config)
    case "multiLabel":
      return MultiLabel.network(head, task, labels, config)
    case "regression":
      return Regression.network(head, task, config)
    case "maskedTokens":
      return MaskedTokens.network(head, task, config)
    case "sentenceEmbedding":
      return SentenceEmbedding.network(head)
  }
}

export const networkOf = (head: Labelled, task: string, config: EncoderConfig): HeadNetwork =>
  network(head, task, head.labels.length, config)

/** A head's tensors, by their names here, as the family's own class needs them. */
export const ownTensors = (
  head: Labelled,
  task: string,
  config: EncoderConfig,
  tensors: Safetensors.Tensors,
): Safetensors.Tensors =>
  head.kind === "regression" ? Regression.folded(head, networkOf(head, task, config), tensors) : tensors
