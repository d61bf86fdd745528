/** Dealing texts out to parts by stratum and rank, as `Split` says it. */
import type * as Dataset from "@thaw/core/Dataset"
import type { Fingerprints } from "@thaw/core/Fingerprints"
import * as Seed from "@thaw/core/Seed"
import * as Parts from "./Parts.ts"
import * as Units from "./Units.ts"

export interface Shares {
  readonly validation: number
  readonly test: number
  /** The only task whose labels make strata; all where undefined. */
  readonly by: string | undefined
  readonly seed: Seed.Seed
}

export interface Dealt {
  /** Part of the row at a place; undefined where the row was left out. */
  readonly partOf: (at: number) => Parts.Part | undefined
  /** Rows by part. */
  readonly rows: Readonly<Record<Parts.Part, number>>
  /** Different texts. */
  readonly texts: number
  /** A key for every label and every tag in training. */
  readonly trained: ReadonlySet<string>
}

/**
 * Every row to its part.
 *
 * @param leftOut normalised texts whose rows go nowhere
 */
export const deal = (
  dataset: Dataset.Dataset,
  { validation, test, by, seed }: Shares,
  leftOut: Pick<Fingerprints, "get"> = { get: () => -1 },
): Dealt => {
  const units = Units.ofTexts(dataset, seed, { by, leftOut })
  const parts = Parts.undealt(units)
  for (const [stratum, members] of units.strata()) {
    const offset = Seed.fraction(seed, "stratum", stratum)
    const testEnd = Math.floor(test * members.length + offset)
    const validationEnd = Math.floor((test + validation) * members.length + offset)
    Units.ranked(units, members).forEach((text, place) => {
      parts[text] = place < testEnd ? "test" : place < validationEnd ? "validation" : "train"
    })
  }
  const trained = Parts.trainFirst(units, parts)
  const rows = { train: 0, validation: 0, test: 0 }
  parts.forEach((part, text) => (rows[part] += units.sizes[text]!))
  return { partOf: (at) => parts[units.of[at]!], rows, texts: units.count, trained }
}
