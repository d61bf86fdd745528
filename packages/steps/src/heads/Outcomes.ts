/** What becomes of every kind's scores. Heads for hidden tokens have none of a text as it is, see `HiddenTokens`. */
import type * as Head from "@thaw/models/Head"
import * as Classification from "./Classification.ts"
import type { Outcome } from "./Outcome.ts"
import * as TokenClassification from "./TokenClassification.ts"

const byKind = {
  classification: Classification.outcome,
  tokenClassification: TokenClassification.outcome,
} as const satisfies { readonly [K in Exclude<Head.Kind, "maskedTokens">]: Outcome }

/** @param head of a kind that answers texts */
export const of = ({ kind }: Pick<Head.Head, "kind">): Outcome => byKind[kind as keyof typeof byKind]
