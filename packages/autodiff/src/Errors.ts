/** Everything that can go wrong in autodiff, as data with one computed sentence. */
import * as Problem from "@thaw/core/Problem"
import { Schema } from "effect"

/** A gradient was asked for that does not exist: of something that is no scalar, or with respect to integers. */
export class GradientError extends Schema.TaggedError<GradientError>()("GradientError", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}
