/** Which encoder a `config.json` describes. */
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import type { Dimensions } from "./Dimensions.ts"
import { Bert } from "./encoders/Bert.ts"
import { DistilBert } from "./encoders/DistilBert.ts"
import { Electra } from "./encoders/Electra.ts"
import { ModernBert } from "./encoders/ModernBert.ts"
import { Mpnet } from "./encoders/Mpnet.ts"
import { Roberta, XlmRoberta } from "./encoders/Roberta.ts"
import { EncoderInvalid } from "./Errors.ts"
import type { Family } from "./Family.ts"
import * as JsonFile from "./JsonFile.ts"
import * as Lora from "./Lora.ts"
import type { Network } from "./Network.ts"

/** Every family, by its `model_type`. */
export const families = {
  bert: Bert,
  distilbert: DistilBert,
  electra: Electra,
  modernbert: ModernBert,
  mpnet: Mpnet,
  roberta: Roberta,
  "xlm-roberta": XlmRoberta,
} satisfies { readonly [T in Family["modelType"]]: Family }

export interface EncoderConfig {
  readonly family: Family
  readonly dimensions: Dimensions
  /** Everything `config.json` says, also what we do not read: it is written back unchanged. */
  readonly json: Readonly<Record<string, unknown>>
  /** The low-rank adapters that the encoder has; none where absent. */
  readonly lora?: Lora.Settings
}

const isKnown = (modelType: unknown): modelType is Family["modelType"] =>
  typeof modelType === "string" && Object.hasOwn(families, modelType)

/** @param text `config.json` */
export const parse = Effect.fnUntraced(function* (
  text: string,
  where: string,
): Effect.fn.Return<EncoderConfig, EncoderInvalid> {
  const invalid = (expected: string, got: string, advice = "") =>
    new EncoderInvalid({ where: `${where}, config.json`, expected, got, advice })
  const fields = Schema.Record(Schema.String, Schema.Unknown)
  const json = yield* JsonFile.read(fields, text, `${where}, config.json`).pipe(
    Effect.mapError((problem) => new EncoderInvalid({ ...problem })),
  )
  const modelType = json["model_type"]
  if (!isKnown(modelType)) {
    return yield* invalid(
      `a model_type among ${Problem.list(Object.keys(families))}`,
      modelType === undefined ? "none" : JSON.stringify(modelType),
      typeof modelType === "string" ? Problem.suggestion(modelType, Object.keys(families)) : "",
    )
  }
  const family = families[modelType]
  return { family, dimensions: yield* family.dimensions(json, where), json }
})

/** The encoder's parts, with adapters where it has them. */
export const network = ({ family, dimensions, lora }: EncoderConfig): Network =>
  lora === undefined ? family.network(dimensions) : Lora.adapt(family.network(dimensions), lora)

/** The config of a new encoder. */
export const make = (family: Family, dimensions: Dimensions): EncoderConfig => ({
  family,
  dimensions,
  json: family.config(dimensions),
})
