/** A checkpoint of every family with weights at random, as large as answers that differ need them, and its exported folder. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Seed from "@thaw/core/Seed"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import type { Family } from "@thaw/models/Family"
import * as Head from "@thaw/models/Head"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as WordPiece from "@thaw/models/WordPiece"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import * as HuggingFace from "@thaw/steps/export/HuggingFace"
import { Effect } from "effect"
import { afterAll } from "vitest"
import * as Golden from "../../models/golden.ts"
import * as TokenizerFiles from "../../models/tokenizerFiles.ts"

export type FamilyName = Family["modelType"]
export const families = [...Golden.families, "xlm-roberta"] as const satisfies ReadonlyArray<FamilyName>

export const heads: Readonly<Record<string, Checkpoint.Head>> = {
  topic: { ...Head.classification(), labels: ["cat", "dog", "10"] },
  entities: { ...Head.tokenClassification(), labels: ["O", "B-animal", "I-animal"] },
}

const words = ["the", "cat", "##s", "sat", "on", "it", ".", "dog", "happy", "sad"]

const wordPiece = Effect.runSync(WordPiece.tokenizerJson([...WordPiece.specials, ...words], "vocab.txt"))

/** MPNet's: words as BERT's, special tokens as RoBERTa's. */
const mpnet = (): string => {
  const tokens = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>", ...words]
  const json = JSON.parse(wordPiece) as { readonly model: object; readonly added_tokens: ReadonlyArray<object> }
  return JSON.stringify({
    ...json,
    added_tokens: json.added_tokens.map((token, id) => ({ ...token, id, content: tokens[id] })),
    post_processor: {
      type: "RobertaProcessing",
      sep: ["</s>", 2],
      cls: ["<s>", 0],
      trim_offsets: true,
      add_prefix_space: false,
    },
    model: { ...json.model, vocab: Object.fromEntries(tokens.map((token, id) => [token, id])) },
  })
}

const tokenizers: Readonly<Record<FamilyName, () => string>> = {
  bert: () => wordPiece,
  distilbert: () => wordPiece,
  electra: () => wordPiece,
  modernbert: () => TokenizerFiles.bpe({ family: "modernbert" }),
  mpnet,
  roberta: () => TokenizerFiles.bpe({ family: "roberta" }),
  "xlm-roberta": TokenizerFiles.unigram,
}

export interface Choices {
  readonly heads?: Readonly<Record<string, Checkpoint.Head>>
  /** More fields of `config.json`. */
  readonly config?: object
  readonly tokenizerConfig?: string
  /** Standard deviation of the weights. */
  readonly deviation?: number
}

/** The golden config of the family with other fields. */
export const configOf = (family: FamilyName, more: object): EncoderConfig.EncoderConfig => {
  const golden = Golden.configOf(family === "xlm-roberta" ? "roberta" : family)
  return Effect.runSync(EncoderConfig.parse(JSON.stringify({ ...golden.json, model_type: family, ...more }), family))
}

export const make = (family: FamilyName, given: Choices = {}): Checkpoint.Checkpoint => {
  const tokenizer = { json: tokenizers[family](), config: given.tokenizerConfig }
  const { vocabularySize } = Effect.runSync(Tokenizer.fromJson(tokenizer.json, tokenizer.config, family))
  const config = configOf(family, { vocab_size: vocabularySize, ...given.config })
  const parts = { config, heads: given.heads ?? heads }
  const tensors = TrainingModel.allParameters(parts).map(({ name, shape, initial }) => {
    const { normal } = Seed.stream(Seed.make(1), name)
    const data = Float32Array.from(
      { length: Tensor.elements(shape) },
      () => (given.deviation ?? 0.2) * normal() + (initial === "ones" ? 1 : 0),
    )
    return [name, Tensor.float32(shape, data)] as const
  })
  return {
    ...parts,
    tokenizer,
    weights: Artifact.bytes(Safetensors.encode(Object.fromEntries(tensors))),
    moments: undefined,
    training: { updates: {}, history: [] },
  }
}

const settings: HuggingFace.Settings = { pooling: undefined, otherHeads: "refuse", card: {}, scores: undefined }

export const exported = (checkpoint: Checkpoint.Checkpoint, more: Partial<HuggingFace.Settings> = {}) =>
  HuggingFace.of(checkpoint, { ...settings, ...more }, "export")

const root = mkdtempSync(path.join(tmpdir(), "thaw-export-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Bytes by name. */
export const bytesOf = async ({ files }: HuggingFace.HuggingFace): Promise<Readonly<Record<string, Uint8Array>>> => {
  const found: Record<string, Uint8Array> = {}
  for (const [name, content] of files) found[name] = await Effect.runPromise(Artifact.contentBytes(content))
  return found
}

/** The folder on disk. */
export const written = async (given: HuggingFace.HuggingFace): Promise<string> => {
  const folder = mkdtempSync(path.join(root, "folder-"))
  for (const [name, bytes] of Object.entries(await bytesOf(given))) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
    writeFileSync(path.join(folder, name), bytes)
  }
  return folder
}
