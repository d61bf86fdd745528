/**
 * Overlap: held-out texts that also occur in training, by normalised text. Scores on them measure memory.
 */
import * as Dataset from "@thaw/core/Dataset"
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
  const trainIds = new Map<string, string>()
  for (const row of Dataset.rowsOf(train)) {
    const text = NormalisedText.ofExample(row)
    if (!trainIds.has(text)) trainIds.set(text, row.id)
  }
  const held = Dataset.rowsOf(heldOut)
  const shared = held.flatMap((row) => {
    const trainId = trainIds.get(NormalisedText.ofExample(row))
    return trainId === undefined ? [] : [{ heldOutId: row.id, trainId, text: Dataset.textOf(row) }]
  })
  const [first] = shared
  return {
    shared: shared.length,
    heldOut: held.length,
    share: held.length === 0 ? 0 : shared.length / held.length,
    ...(first === undefined ? {} : { first }),
  }
}
