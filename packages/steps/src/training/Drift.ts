/**
 * How far the encoder has moved: the mean cosine between its vectors of some texts now and those of the encoder that
 * training started with. 1 means that it has not moved in any direction that matters to cosines.
 *
 * The anchor, texts and their first vectors, is taken before the first update that moves the encoder and stays in the
 * history, since the encoder of that time does not.
 */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as FeatureModel from "@thaw/models/FeatureModel"
import * as Group from "@thaw/models/Group"
import * as Parameter from "@thaw/models/Parameter"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Device } from "@thaw/onnx/Session"
import { Effect, Schema } from "effect"
import * as Batch from "../Batch.ts"
import * as Resident from "./Resident.ts"
import { accepted } from "./Updates.ts"

/** Texts of the anchor: enough for a mean, few enough to cost nothing. */
const most = 32

export const Anchor = Schema.Struct({
  /** Token ids of each text. */
  texts: Schema.Array(Schema.Array(Schema.Int)),
  /** float32 [texts, hidden], the means over each text's tokens, little-endian, in base64. */
  vectors: Schema.String,
})
export type Anchor = typeof Anchor.Type

/** The first texts in order of the examples' ids; equal texts once. */
export const choose = (corpora: ReadonlyArray<Batch.Corpus>): Anchor["texts"] => {
  const found = new Map<string, ReadonlyArray<number>>()
  const examples = corpora.flatMap((corpus) => corpus.examples).sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  for (const { encoding } of examples) {
    if (found.size === most) break
    const ids = Array.from(encoding.ids)
    found.set(ids.join(" "), ids)
  }
  return [...found.values()]
}

/** [texts, hidden] by the weights that are resident now; the session is closed again. */
export const vectors = Effect.fnUntraced(function* (
  device: Device,
  { config }: Checkpoint.Checkpoint,
  texts: Anchor["texts"],
  padId: number,
) {
  const top = Group.ofEncoder(config.dimensions.blocks).at(-1)!
  const { graph, parameters } = FeatureModel.make(config, [top], "mean", Parameter.inputs())
  const session = yield* device.session(graph)
  const { feeds } = Batch.make(texts.map(example), {}, padId)
  const output = FeatureModel.outputOf(top)
  const given = yield* session.run({
    feeds: accepted(feeds, graph),
    resident: Resident.identity(parameters.map(({ name }) => name)),
    fetch: [output],
  })
  return given[output]!.data as Float32Array
}, Effect.scoped)

const example = (ids: ReadonlyArray<number>): Batch.EncodedExample => {
  const none = new Int32Array(ids.length)
  return { id: "", encoding: { ids: Int32Array.from(ids), typeIds: none, words: none }, classes: {}, tags: {} }
}

export const anchor = (texts: Anchor["texts"], of: Float32Array): Anchor => ({
  texts,
  vectors: Buffer.from(of.buffer, of.byteOffset, of.byteLength).toString("base64"),
})

export const vectorsOf = ({ vectors: text }: Anchor): Float32Array => {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"))
  return new Float32Array(bytes.buffer)
}

/** Mean cosine of the rows of two [rows, hidden], in float64. */
export const cosine = (a: Float32Array, b: Float32Array, hidden: number): number => {
  const rows = a.length / hidden
  let sum = 0
  for (let row = 0; row < rows; row++) {
    let [product, ofA, ofB] = [0, 0, 0]
    for (let at = row * hidden; at < (row + 1) * hidden; at++) {
      product += a[at]! * b[at]!
      ofA += a[at]! ** 2
      ofB += b[at]! ** 2
    }
    sum += product / Math.sqrt(ofA * ofB)
  }
  return sum / rows
}

export interface Measured {
  readonly drift?: number
  readonly anchor?: Anchor
}

/**
 * Before the first update; what it gives, taken after the last, is for the history.
 *
 * @param entries of the history so far
 * @param moves whether the encoder moves in the phase
 */
export const measure = Effect.fnUntraced(function* (
  device: Device,
  checkpoint: Checkpoint.Checkpoint,
  heldOut: ReadonlyArray<Batch.Corpus>,
  entries: ReadonlyArray<Measured>,
  moves: boolean,
  padId: number,
): Effect.fn.Return<Effect.Effect<Measured, SessionFailed>, SessionFailed> {
  const known = entries.find((entry) => entry.anchor !== undefined)?.anchor
  const last = entries.findLast((entry) => entry.drift !== undefined)?.drift
  const texts = known?.texts ?? choose(heldOut)
  // What does not move needs no measuring, and without texts there is none.
  if (!moves || texts.length === 0) return Effect.succeed(last === undefined ? {} : { drift: last })
  const current = vectors(device, checkpoint, texts, padId)
  const first = known === undefined ? yield* current : vectorsOf(known)
  return Effect.map(current, (now) => ({
    drift: cosine(first, now, checkpoint.config.dimensions.hidden),
    ...(known === undefined ? { anchor: anchor(texts, first) } : {}),
  }))
})
