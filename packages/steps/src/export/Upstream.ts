/**
 * Encoder families as transformers knows them (src/transformers/models/<family>/modeling_*.py): names of its
 * classes, and which of our heads is its own.
 */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import type { Family } from "@thaw/models/Family"
import * as Head from "@thaw/models/Head"
import type { Reading } from "@thaw/models/Pooling"

export interface Upstream {
  /** What its classes begin with: `Bert` of `BertModel`, `BertForTokenClassification`. */
  readonly name: string
  /** Class of the tokenizer, where its settings do not say. */
  readonly tokenizer: string
  /** What its heads read. */
  readonly reads: ReadonlyArray<Reading>
}

const own: ReadonlyArray<Reading> = ["cls", "tokens"]

const families = {
  bert: { name: "Bert", tokenizer: "BertTokenizer", reads: own },
  distilbert: { name: "DistilBert", tokenizer: "DistilBertTokenizer", reads: own },
  electra: { name: "Electra", tokenizer: "ElectraTokenizer", reads: own },
  // The only family whose config says what the head reads: `classifier_pooling`.
  modernbert: { name: "ModernBert", tokenizer: "PreTrainedTokenizerFast", reads: ["cls", "mean", "tokens"] },
  mpnet: { name: "MPNet", tokenizer: "MPNetTokenizer", reads: own },
  roberta: { name: "Roberta", tokenizer: "RobertaTokenizer", reads: own },
  "xlm-roberta": { name: "XLMRoberta", tokenizer: "XLMRobertaTokenizer", reads: own },
} as const satisfies { readonly [T in Family["modelType"]]: Upstream }

export const of = ({ modelType }: Family): Upstream => families[modelType]

/** Whether transformers has a class that computes what the head does. */
export const loads = (family: Family, head: Checkpoint.Head): boolean => of(family).reads.includes(Head.reads(head))

/** The class that has the head. */
export const architecture = (family: Family, head: Checkpoint.Head): string =>
  `${of(family).name}For${Head.traits[head.kind].unit === "token" ? "Token" : "Sequence"}Classification`

/** The class that has the head for hidden tokens. */
export const masked = (family: Family): string => `${of(family).name}ForMaskedLM`

/** The class of the encoder alone. */
export const model = (family: Family): string => `${of(family).name}Model`
