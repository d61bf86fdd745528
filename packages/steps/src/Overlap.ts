/**
 * Overlap: held-out texts that also occur in training, by normalised text. Scores on them measure memory.
 */
import * as Dataset from "@thaw/core/Dataset"
import { Fingerprints } from "@thaw/core/Fingerprints"
import * as NormalisedText from "./NormalisedText.ts"

export interface Overlap {
  /** Held-out examples whose text also occurs in training. */
  readonly shared: number
  readonly heldOut: number
  /** `shared / heldOut`; 0 when nothing is held out. */
  readonly share: number
  /** The first of them, in the order of the held-out examples. */
  readonly first?: { readonly heldOutId: string; readonly trainId: string; readonly text: string }
}

export const between = (train: Dataset.Dataset, heldOut: Dataset.Dataset): Overlap => {
  // Of the texts only fingerprints are held: training may be larger than memory.
  const places = new Fingerprints()
  let place = 0
  for (const row of Dataset.rowsOf(train)) places.add(NormalisedText.ofExample(row), place++)
  let shared = 0
  let first: (Omit<NonNullable<Overlap["first"]>, "trainId"> & { readonly place: number }) | undefined
  for (const row of Dataset.rowsOf(heldOut)) {
    const found = places.get(NormalisedText.ofExample(row))
    if (found === -1) continue
    shared++
    first ??= { heldOutId: row.id, place: found, text: Dataset.textOf(row) }
  }
  const all = Dataset.size(heldOut)
  return {
    shared,
    heldOut: all,
    share: all === 0 ? 0 : shared / all,
    ...(first && { first: { heldOutId: first.heldOutId, trainId: idAt(train, first.place), text: first.text } }),
  }
}

const idAt = (dataset: Dataset.Dataset, place: number): string => {
  let at = 0
  for (const { id } of Dataset.rowsOf(dataset)) if (at++ === place) return id
  return ""
}
