/** Everything that can go wrong in the command itself, as data with one computed sentence. */
import * as Problem from "@thaw/core/Problem"
import { Schema } from "effect"

/** The command line is wrong (exit code 2). */
export class ArgumentsInvalid extends Schema.TaggedError<ArgumentsInvalid>()("ArgumentsInvalid", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The pipeline's file cannot be loaded, or gives no pipeline (exit code 2). */
export class PipelineFileInvalid extends Schema.TaggedError<PipelineFileInvalid>()(
  "PipelineFileInvalid",
  Problem.fields,
) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The folder for results cannot be made or written (exit code 1). */
export class HomeUnusable extends Schema.TaggedError<HomeUnusable>()("HomeUnusable", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** A rerun gave other bytes than the run it repeats (exit code 1). */
export class RerunDiffers extends Schema.TaggedError<RerunDiffers>()("RerunDiffers", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}
