/**
 * Scores of predicted numbers: squared and absolute error, how much of the spread is explained, and correlations.
 *
 * Conventions are scikit-learn's; a correlation of what does not vary, which SciPy leaves undefined, is 0.
 */
import { sampleCorrelation, sampleRankCorrelation } from "simple-statistics"
import * as Classification from "./Classification.ts"

export interface Scores {
  readonly examples: number
  readonly meanSquaredError: number
  readonly meanAbsoluteError: number
  /**
   * 1 − Σ(truth − prediction)² / Σ(truth − mean)²: 1 is perfect, 0 as good as always the mean. Of truths that do not vary
   * it is 1 where all are met and else 0.
   */
  readonly r2: number
  readonly pearson: number
  /** Of ranks, equals having the mean of theirs. */
  readonly spearman: number
}

/** Throws `InvalidData` unless there is one prediction per example. */
export const score = (truth: ReadonlyArray<number>, predicted: ReadonlyArray<number>): Scores => {
  Classification.requireSameLength(truth.length, predicted.length, "examples")
  const errors = truth.map((each, at) => each - predicted[at]!)
  const middle = mean(truth)
  const squared = sum(errors.map((error) => error ** 2))
  const spread = sum(truth.map((each) => (each - middle) ** 2))
  return {
    examples: truth.length,
    meanSquaredError: mean(errors.map((error) => error ** 2)),
    meanAbsoluteError: mean(errors.map(Math.abs)),
    r2: spread > 0 ? 1 - squared / spread : squared === 0 && truth.length > 0 ? 1 : 0,
    pearson: correlation(sampleCorrelation, truth, predicted),
    spearman: correlation(sampleRankCorrelation, truth, predicted),
  }
}

const correlation = (
  of: typeof sampleCorrelation,
  truth: ReadonlyArray<number>,
  predicted: ReadonlyArray<number>,
): number => {
  const varies = (values: ReadonlyArray<number>) => values.some((value) => value !== values[0])
  if (!varies(truth) || !varies(predicted)) return 0
  return Math.min(1, Math.max(-1, of(truth, predicted)))
}

const sum = (values: ReadonlyArray<number>): number => values.reduce((total, value) => total + value, 0)

/** 0 of nothing. */
export const mean = (values: ReadonlyArray<number>): number => (values.length === 0 ? 0 : sum(values) / values.length)
