/** What augmentation made, as data: how much, of what, and some of it to look at. */
import * as Artifact from "@thaw/core/Artifact"
import type * as Dataset from "@thaw/core/Dataset"
import * as Seed from "@thaw/core/Seed"
import { Schema } from "effect"
import type { Copy } from "./Copies.ts"
import * as Copies from "./Copies.ts"

const Dropped = Schema.Struct({
  /** Nothing was found to change, or what came out is the text that went in. */
  equalToOrigin: Schema.Int,
  /** Another example or another copy has this text already. */
  equalToAnother: Schema.Int,
  /** Outside the bounds of similarity. */
  dissimilar: Schema.Int,
})
export type Dropped = typeof Dropped.Type

const Report = Schema.Struct({
  /** Examples that were to have copies. */
  examples: Schema.Int,
  /** Copies kept. */
  copies: Schema.Int,
  dropped: Dropped,
  /** By operation: in how many of the copies kept it changed something, and how many words. */
  operations: Schema.Record(Schema.String, Schema.Struct({ copies: Schema.Int, words: Schema.Int })),
  /** At most 20 copies, drawn from the seed. */
  sample: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      operations: Schema.Array(Schema.String),
      before: Schema.String,
      after: Schema.String,
    }),
  ),
  /** Every copy and what made it, in the order of the dataset. */
  made: Schema.Array(Schema.Struct({ id: Schema.String, operations: Schema.Array(Schema.String) })),
})
export type Report = typeof Report.Type

/** As an output of steps. */
export const AugmentationReport: Artifact.Kind<Report> = Artifact.json("augmentation", Report)

const shown = 20

export const make = (examples: number, kept: ReadonlyArray<Copy>, dropped: Dropped, seed: Seed.Seed): Report => {
  const operations: Record<string, { copies: number; words: number }> = {}
  for (const { applied } of kept) {
    for (const name of new Set(applied.map(({ operation }) => operation))) {
      const sum = (operations[name] ??= { copies: 0, words: 0 })
      sum.copies++
      for (const { operation, words } of applied) if (operation === name) sum.words += words
    }
  }
  const drawn = kept
    .map((copy) => ({ copy, rank: Seed.fraction(seed, "sample", copy.row.id) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, shown)
  return {
    examples,
    copies: kept.length,
    dropped,
    operations,
    sample: drawn.map(({ copy }) => ({
      id: copy.row.id,
      operations: copy.applied.map(({ operation }) => operation),
      before: written(copy.from),
      after: written(copy.row),
    })),
    made: kept.map(({ row, applied }) => ({ id: row.id, operations: applied.map(({ operation }) => operation) })),
  }
}

/** All texts of a pair, one a line. */
const written = (row: Dataset.Example): string => Copies.textsOf(row).join("\n")
