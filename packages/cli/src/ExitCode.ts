/** What the shell is told: 0 done, 1 a step failed, 2 the pipeline or its arguments are wrong, 130 interrupted. */
import { Cause, Exit } from "effect"
import * as Cli from "./Cli.ts"

export const interrupted = 130

/** Found before anything ran. */
const wrongInput: ReadonlySet<unknown> = new Set([
  "ArgumentsInvalid",
  "PipelineFileInvalid",
  "PipelineInvalid",
  "SourceUnreadable",
])

export const of = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return interrupted
  const error = Cause.squash(exit.cause)
  const mistakes = Cli.mistakes(error)
  // No mistake: help was shown because nothing else was asked for.
  if (mistakes !== undefined) return mistakes.length === 0 ? 0 : 2
  return wrongInput.has((error as { _tag?: unknown } | null)?._tag) ? 2 : 1
}
