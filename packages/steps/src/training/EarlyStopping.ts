/**
 * Early stopping with two bests, as a pure state: what patience looks at and what is restored are different questions.
 *
 *   bestForPatience   moves only on a gain above minDelta; evaluations without one are counted
 *   bestForRestore    moves on any strict gain; ties keep the earliest
 *
 * A score that is no number is never a best and counts as an evaluation without gain.
 */
import { Schema } from "effect"

export const State = Schema.Struct({
  bestForPatience: Schema.NullOr(Schema.Number),
  /** Evaluations since the last gain above minDelta. */
  withoutGain: Schema.Int,
  bestForRestore: Schema.NullOr(Schema.Struct({ score: Schema.Number, update: Schema.Int })),
})
export type State = typeof State.Type

export const initial: State = { bestForPatience: null, withoutGain: 0, bestForRestore: null }

export interface Patience {
  /** Smallest gain that patience counts; 0: any. */
  readonly minDelta: number
  /** Evaluations in a row that may pass without such a gain. */
  readonly patience: number
}

/**
 * The state after one more evaluation.
 *
 * @param score higher is better
 * @param update how many updates the scored weights have
 */
export const after = ({ minDelta }: Patience, state: State, score: number, update: number): State => {
  const { bestForPatience, bestForRestore, withoutGain } = state
  if (Number.isNaN(score)) return { ...state, withoutGain: withoutGain + 1 }
  const gained = bestForPatience === null || score > bestForPatience + minDelta
  return {
    bestForPatience: gained ? score : bestForPatience,
    withoutGain: gained ? 0 : withoutGain + 1,
    bestForRestore: bestForRestore === null || score > bestForRestore.score ? { score, update } : bestForRestore,
  }
}

/** Whether patience is at its end. */
export const isOver = ({ patience }: Patience, { withoutGain }: State): boolean => withoutGain >= patience

/** The state at the start of a later phase, whose weights before its first update are the best so far. */
export const carried = (state: State): State => ({
  ...state,
  bestForRestore: state.bestForRestore === null ? null : { ...state.bestForRestore, update: 0 },
})
