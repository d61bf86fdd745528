/**
 * What the boundary cache keeps of a dataset: a row for each distinct encoding, shortest first, cut into chunks of a file
 * each. Order and cuts follow from the encodings alone, so two datasets with the same texts have the same rows.
 */
import { createHash } from "node:crypto"
import * as Artifact from "@thaw/core/Artifact"
import type * as Boundary from "@thaw/models/Boundary"
import type { Dimensions } from "@thaw/models/Dimensions"
import * as Group from "@thaw/models/Group"
import * as Graph from "@thaw/onnx/Graph"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Batch from "../Batch.ts"
import { type Precision, precisions } from "./BoundaryPrecision.ts"

/** What is kept of each row: which vectors, how long, how exact. */
export interface Layout {
  readonly form: Boundary.Form
  readonly hidden: number
  readonly precision: Precision
}

export interface Rows {
  /** One example of each encoding. */
  readonly examples: ReadonlyArray<Batch.EncodedExample>
  /** Row by digest of the encoding. */
  readonly index: ReadonlyMap<string, number>
  readonly tokens: number
}

/** Rows `first … end - 1`. */
export interface Chunk {
  readonly first: number
  readonly end: number
}

const digests = new WeakMap<Batch.EncodedExample, string>()

/** What the encoder reads of an example, and nothing else. */
export const digestOf = (example: Batch.EncodedExample): string => {
  const known = digests.get(example)
  if (known !== undefined) return known
  const hash = createHash("sha256")
  const { ids, typeIds } = example.encoding
  for (const { buffer, byteOffset, byteLength } of [ids, typeIds]) {
    hash.update(new Uint8Array(buffer, byteOffset, byteLength))
  }
  const digest = hash.digest("base64")
  digests.set(example, digest)
  return digest
}

export const lengthOf = Batch.lengthOf

export const of = (examples: ReadonlyArray<Batch.EncodedExample>): Rows => {
  const distinct = new Map(examples.map((example) => [digestOf(example), example]))
  const sorted = [...distinct].sort(([a, one], [b, other]) => lengthOf(one) - lengthOf(other) || (a < b ? -1 : 1))
  return {
    examples: sorted.map(([, example]) => example),
    index: new Map(sorted.map(([digest], row) => [digest, row])),
    tokens: sorted.reduce((sum, [, example]) => sum + lengthOf(example), 0),
  }
}

/** Bytes of the vectors of so many examples with so many tokens together. */
export const sizeBytes = (
  form: Boundary.Form,
  examples: number,
  tokens: number,
  hidden: number,
  precision: Precision,
): number =>
  form.reduce((sum, reading) => sum + (reading === "tokens" ? tokens : examples), 0) *
  hidden *
  precisions[precision].bytes

/**
 * The runtime's matrix product adds up to 128 terms in one go. Longer sums are cut at places that depend on the size of
 * the result, and attention scores (sums over headSize, as many as there are tokens) then depend on the padding.
 */
const widestHead = 128

/**
 * Whether it is worth keeping anything at all: embeddings are a look-up themselves, and an example's vectors have to be
 * the same in any company.
 *
 * @param group the highest group of the frozen bottom
 */
export const pays = (group: Group.Group, { headSize }: Pick<Dimensions, "headSize">, budgetBytes: number): boolean =>
  group !== Group.embeddings && headSize <= widestHead && budgetBytes > 0

const chunkBytes = 32 * 2 ** 20

/** As many rows to a chunk as fit into 32 MiB, at least one. */
export const chunks = ({ examples }: Rows, { form, hidden, precision }: Layout): ReadonlyArray<Chunk> => {
  const found: Array<Chunk> = []
  let first = 0
  let bytes = 0
  for (const [row, example] of examples.entries()) {
    const more = sizeBytes(form, 1, lengthOf(example), hidden, precision)
    if (row > first && bytes + more > chunkBytes) {
      found.push({ first, end: row })
      first = row
      bytes = 0
    }
    bytes += more
  }
  return examples.length === 0 ? found : [...found, { first, end: examples.length }]
}

/** Of the files' own layout: raised when it changes. */
const format = "1"

/**
 * SHA-256 of everything that decides what the rows hold: the frozen part's graph and weights, where it is computed, what
 * is kept, and the encodings.
 */
export const keys = (
  prefix: Graph.Graph,
  environment: Readonly<Record<string, string>>,
  { form, precision }: Layout,
): ((rows: Rows) => string) => {
  const weights = createHash("sha256")
  for (const { name, tensor } of prefix.initializers) weights.update(`${name}\n`).update(Tensor.bytes(tensor))
  const frozen = { format, graph: Graph.text(prefix), weights: weights.digest("hex"), environment, form, precision }
  return ({ index }) => {
    const encodings = createHash("sha256")
      .update([...index.keys()].join("\n"))
      .digest("hex")
    return createHash("sha256")
      .update(Artifact.canonicalJson({ ...frozen, encodings }))
      .digest("hex")
  }
}
