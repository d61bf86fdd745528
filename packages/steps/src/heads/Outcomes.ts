/**
 * What becomes of every kind's scores. Heads for hidden tokens have none of a text as it is, see `HiddenTokens`, and those
 * for sentence embeddings none of one text alone, see `SentenceEmbedding`.
 */
import type * as Head from "@thaw/models/Head"
import * as Classification from "./Classification.ts"
import * as MultiLabel from "./MultiLabel.ts"
import type { Outcome } from "./Outcome.ts"
import * as Regression from "./Regression.ts"
import * as TokenClassification from "./TokenClassification.ts"

type Answering = Exclude<Head.Kind, "maskedTokens" | "sentenceEmbedding">

const byKind: { readonly [K in Answering]: Outcome<Extract<Head.Labelled, { readonly kind: K }>> } = {
  classification: Classification.outcome,
  tokenClassification: TokenClassification.outcome,
  multiLabel: MultiLabel.outcome,
  regression: Regression.outcome,
}

/**
 * Takes heads of this head's kind.
 *
 * @param head of a kind that answers texts
 */
export const of = ({ kind }: Pick<Head.Labelled, "kind">): Outcome => byKind[kind as Answering] as Outcome
