/**
 * Heads: what answers a task from the encoder's vectors. An author says which kind a task has; its labels come from the
 * data.
 *
 * The default form of a head is its family's own, which transformers loads unchanged. Mean pooling is a choice that
 * gives that up.
 */
import { Schema } from "effect"
import type { Dimensions } from "./Dimensions.ts"
import type { EncoderConfig } from "./EncoderConfig.ts"
import * as Classification from "./heads/Classification.ts"
import type { HeadNetwork } from "./heads/HeadNetwork.ts"
import * as MaskedTokens from "./heads/MaskedTokens.ts"
import * as TokenClassification from "./heads/TokenClassification.ts"
import type * as Pooling from "./Pooling.ts"

/** As authors write it and pipelines keep it. */
export const Head = Schema.Union([
  Classification.Classification,
  TokenClassification.TokenClassification,
  MaskedTokens.MaskedTokens,
])
export type Head = typeof Head.Type

export const Kind = Schema.Literals(["classification", "tokenClassification", "maskedTokens"])
export type Kind = Head["kind"]

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

/** What tells kinds apart for whoever feeds them and reads their answers. */
export interface Traits {
  /** Role of the column that a task's answers are in, see `Dataset`; undefined: a text is its own answer. */
  readonly role: "label" | "tags" | undefined
  /** What has an answer of its own. */
  readonly unit: "example" | "token"
}

export const traits = {
  classification: { role: "label", unit: "example" },
  tokenClassification: { role: "tags", unit: "token" },
  maskedTokens: { role: undefined, unit: "token" },
} as const satisfies { readonly [K in Kind]: Traits }

/** Whether a task's answers are labels that its examples carry. */
export const isLabelled = ({ kind }: Pick<Head, "kind">): boolean => traits[kind].role !== undefined

/** What of the encoder's vectors the head takes. */
export const reads = (head: Head): Pooling.Reading => ("pooling" in head ? head.pooling : "tokens")

/** With the labels of its task, in the order of their classes. */
export type Labelled = Head & { readonly labels: ReadonlyArray<string> }

/** How many answers there are to choose from. */
export const classes = ({ kind, labels }: Labelled, { vocab }: Pick<Dimensions, "vocab">): number =>
  kind === "maskedTokens" ? vocab : labels.length

/** @param classes how many labels the task has */
export const network = (head: Head, task: string, classes: number, config: EncoderConfig): HeadNetwork => {
  switch (head.kind) {
    case "classification":
      return Classification.network(head, task, classes, config)
    case "tokenClassification":
      return TokenClassification.network(head, task, classes, config)
    case "maskedTokens":
      return MaskedTokens.network(head, task, config)
  }
}

export const networkOf = (head: Labelled, task: string, config: EncoderConfig): HeadNetwork =>
  network(head, task, classes(head, config.dimensions), config)
