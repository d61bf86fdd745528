/** One thing that is measured. */
import type { Effect } from "effect"
import type * as Timed from "./Timed.ts"

export interface Case {
  readonly name: string
  readonly run: Effect.Effect<Report, unknown>
}

export interface Report {
  /** What people should know beside the ratios, a line each. */
  readonly notes: ReadonlyArray<string>
  readonly ratios: ReadonlyArray<Ratio>
}

/** Their time over ours, round by round: above 1 Thaw is faster. */
export interface Ratio extends Timed.Spread {
  readonly against: string
  readonly runs: number
}
