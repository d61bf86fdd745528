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

/** Theirs over ours, round by round. */
export interface Ratio extends Timed.Spread {
  readonly against: string
  readonly runs: number
  /** What it says above 1: that Thaw is faster, unless told. */
  readonly above?: string
}
