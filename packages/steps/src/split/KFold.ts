/**
 * Cross-validation: k splits of the same examples, so that nearly every text is held out once.
 *
 * A stratum holds the texts with the same combination of labels, ranked by a number that follows from the seed and the
 * text alone. With n texts and a draw u in [0, 1) of the stratum's own, fold i holds out the ranks from ⌊(i − 1)·n/k + u⌋
 * (the first fold from 0) to before ⌊i·n/k + u⌋ (the last to n). So every fold is within one text of a k-th in every
 * stratum, one more text moves at most one other at each of the k − 1 borders, and the order of rows moves none.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import { Effect, Schema } from "effect"
import * as Parts from "./Parts.ts"
import * as Units from "./Units.ts"

/** One of the splits. */
export const fold = Step.make({
  name: "Split.kFold",
  version: "1",
  input: {
    examples: Dataset.Examples,
    folds: Schema.Int.check(Schema.isGreaterThan(1)),
    /** From 1. */
    fold: Schema.Int.check(Schema.isGreaterThan(0)),
    by: Schema.optionalKey(Schema.String),
    validation: Schema.optionalKey(Parts.Share),
    seed: Seed.fromRun,
  },
  output: Parts.output,
  title: ({ fold: number, folds }) => `Split.kFold ${String(number)} of ${String(folds)}`,
  run: Effect.fnUntraced(function* ({ examples, folds, fold: number, by, validation = 0, seed }) {
    const where = `Split.kFold ${number} of ${folds}`
    if (number > folds) {
      const expected = `a fold from 1 to ${folds}`
      return yield* new PipelineInvalid({ where, expected, got: String(number), advice: "" })
    }
    yield* Parts.requireShares(where, validation, 1 / folds)
    if (by !== undefined) yield* Dataset.requireTask(examples, by, where)
    const units = Units.ofTexts(examples, seed, { by })
    const dealt = Parts.undealt(units)
    for (const [stratum, members] of units.strata()) {
      const n = members.length
      const offset = Seed.fraction(seed, "stratum", stratum)
      const border = (at: number) => (at === 0 ? 0 : at === folds ? n : Math.floor((at * n) / folds + offset))
      const order = Units.ranked(units, members)
      const [from, to] = [border(number - 1), border(number)]
      const validated = Math.floor(validation * n + Seed.fraction(seed, "validation", stratum))
      order.subarray(from, to).forEach((unit) => (dealt[unit] = "test"))
      // Those that follow by rank, from the lowest on after the highest.
      for (let at = 0; at < Math.min(validated, n - (to - from)); at++) dealt[order[(to + at) % n]!] = "validation"
    }
    Parts.trainFirst(units, dealt)
    yield* Parts.requireFilled(
      dealt,
      { test: 1, validation },
      (part) =>
        new InvalidData({
          where,
          expected: `enough different texts for a ${part} part in each of ${folds} folds`,
          got: String(units.count),
          advice: "Add examples or make fewer folds.",
        }),
    )
    return Parts.of(examples, units, dealt)
  }),
})

export interface Options {
  readonly examples: Dataset.Examples | Wire.Wire<Dataset.Examples>
  /** How many splits, from 2. */
  readonly folds: number
  /** Spread the labels of this task only. */
  readonly by?: string
  /** Share of all examples that each split holds out besides its fold, to stop early by; 0 unless given. */
  readonly validation?: number
  readonly seed?: number
}

/**
 * `Split.kFold({ examples, folds: 5 })`: as many splits, each with a `test` part of its own, `train` with the rest and,
 * where it has a share, `validation`. Every text is in the test part of one split, but for those that are the only ones
 * with some label or tag, which are always trained on.
 *
 * Fails with `InvalidData` when there are too few texts.
 */
export const kFold = ({ folds, ...options }: Options): ReadonlyArray<Step.Wired<typeof Parts.output>> =>
  Array.from({ length: folds }, (_, at) => fold({ ...options, folds, fold: at + 1 }))
