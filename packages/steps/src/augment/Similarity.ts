/**
 * Which copies still mean about what their examples mean: the cosine of the two texts' mean-pooled vectors of the
 * encoder's topmost block lies between two bounds. Of pairs, every text that changed is compared.
 */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Group from "@thaw/models/Group"
import { Effect, Schema } from "effect"
import * as Encode from "../Encode.ts"
import type * as Features from "../Features.ts"
import * as Copies from "./Copies.ts"

const Cosine = Schema.Number.check(Schema.isBetween({ minimum: -1, maximum: 1 }))

/** Inclusive; 1 is the highest unless given. */
export const Bounds = Schema.Struct({ lowest: Cosine, highest: Schema.optionalKey(Cosine) })
export type Bounds = typeof Bounds.Type

/** The copies within the bounds, in order. */
export const within = Effect.fnUntraced(function* (
  copies: ReadonlyArray<Copies.Copy>,
  encoder: Checkpoint.Checkpoint,
  { lowest, highest = 1 }: Bounds,
) {
  const texts = [
    ...new Set(copies.flatMap(({ from, row }) => [...Copies.textsOf(from), ...Copies.textsOf(row)])),
  ].sort()
  if (texts.length === 0) return copies
  const placeOf = new Map(texts.map((text, place) => [text, place]))
  const group = Group.ofEncoder(encoder.config.dimensions.blocks).at(-1)!
  const rows = texts.map((text, place) => ({ id: String(place), origin: "", text, labels: {}, tags: {} }))
  const { vectors } = yield* Encode.vectors(encoder, { groups: [group], pooling: "mean" }, rows)
  return copies.filter(({ from, row }) => {
    const after = Copies.textsOf(row)
    return Copies.textsOf(from).every((text, at) => {
      if (text === after[at]) return true
      const similarity = cosine(vectors[group]!, placeOf.get(text)!, placeOf.get(after[at]!)!)
      return similarity >= lowest && similarity <= highest
    })
  })
})

export const cosine = ({ hidden, data }: Features.Matrix, a: number, b: number): number => {
  let dot = 0
  let squareA = 0
  let squareB = 0
  for (let at = 0; at < hidden; at++) {
    const x = data[a * hidden + at]!
    const y = data[b * hidden + at]!
    dot += x * y
    squareA += x * x
    squareB += y * y
  }
  return dot / Math.sqrt(squareA * squareB)
}
