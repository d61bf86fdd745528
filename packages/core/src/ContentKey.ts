/**
 * The content key of a step run: a hash over everything that decides its bytes. Equal keys are never run twice.
 *
 * key = SHA-256 of the canonical JSON of its ingredients: step name, explicit version, encoded parameters, content
 * hashes of inputs and sources, seed, environment. The ingredients are kept beside the result, so "why did it run" is
 * a comparison of two records.
 */
import { createHash } from "node:crypto"
import { Schema } from "effect"
import { canonicalJson } from "./Artifact.ts"
import * as Source from "./Source.ts"

export const Ingredients = Schema.Struct({
  step: Schema.String,
  version: Schema.String,
  /** By field name, encoded. */
  parameters: Schema.Record(Schema.String, Schema.Json),
  /** Content hash by field name; `field.name` for records of artifacts. */
  inputs: Schema.Record(Schema.String, Schema.String),
  /** Content hash or pinned address by field name. */
  sources: Schema.Record(Schema.String, Schema.String),
  /** By field name: the author's number or the run's, and the names its streams start under. */
  seeds: Schema.Record(Schema.String, Schema.Struct({ value: Schema.Int, path: Schema.Array(Schema.String) })),
  environment: Schema.Record(Schema.String, Schema.String),
})
export type Ingredients = typeof Ingredients.Type

export const keyOf = (ingredients: Ingredients): string =>
  createHash("sha256").update(canonicalJson(ingredients)).digest("hex")

/** One sentence part per difference, in a fixed order; empty where the two give the same key. */
export const differences = (before: Ingredients, after: Ingredients): ReadonlyArray<string> => [
  ...(before.step === after.step ? [] : [`step ${before.step} → ${after.step}`]),
  ...(before.version === after.version ? [] : [`version ${before.version} → ${after.version}`]),
  ...changed(before.parameters, after.parameters, (name, a, b) => `parameter ${name}: ${brief(a)} → ${brief(b)}`),
  ...changed(before.sources, after.sources, (name, a, b) =>
    [a, b].some((source) => source !== undefined && Source.isPinned(source))
      ? `${name}: ${a ?? "none"} → ${b ?? "none"}`
      : `the content of ${name} changed`,
  ),
  ...changed(before.inputs, after.inputs, (name) => `input ${name} changed`),
  ...changed(before.seeds, after.seeds, (name, a, b) =>
    a?.value === b?.value ? `the stream of ${name} changed` : `${name}: ${brief(a?.value)} → ${brief(b?.value)}`,
  ),
  ...changed(before.environment, after.environment, (name, a, b) => `${name}: ${brief(a)} → ${brief(b)}`),
]

const changed = <A>(
  before: Readonly<Record<string, A>>,
  after: Readonly<Record<string, A>>,
  say: (name: string, a: A | undefined, b: A | undefined) => string,
): ReadonlyArray<string> =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .sort()
    .map((name) => ({ name, a: own(before, name), b: own(after, name) }))
    .filter(({ a, b }) => a === undefined || b === undefined || canonicalJson(a) !== canonicalJson(b))
    .map(({ name, a, b }) => say(name, a, b))

/** A field may be called like something every object inherits. */
const own = <A>(record: Readonly<Record<string, A>>, name: string): A | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined

const brief = (value: unknown): string => {
  const text = value === undefined ? "none" : canonicalJson(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}
