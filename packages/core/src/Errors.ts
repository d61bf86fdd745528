/** Everything that can go wrong in core, as data with one computed sentence. */
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"

/** The pipeline file, its wiring or its arguments are wrong: found before anything runs (exit code 2). */
export class PipelineInvalid extends Schema.TaggedError<PipelineInvalid>()("PipelineInvalid", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** An input file or folder of a pipeline is missing or cannot be read. */
export class SourceUnreadable extends Schema.TaggedError<SourceUnreadable>()("SourceUnreadable", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The content of a file, a row or a value is not what a step can work with. */
export class InvalidData extends Schema.TaggedError<InvalidData>()("InvalidData", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** An artifact could not be written, read back, or is not what was written. */
export class ArtifactBroken extends Schema.TaggedError<ArtifactBroken>()("ArtifactBroken", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** The run journal could not be opened, written or read. */
export class JournalBroken extends Schema.TaggedError<JournalBroken>()("JournalBroken", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** A step ended with an error; `problem` is that error's tag and sentence. */
export class StepFailed extends Schema.TaggedError<StepFailed>()("StepFailed", {
  step: Schema.String,
  tag: Schema.String,
  problem: Schema.String,
}) {
  override get message(): string {
    return `${this.step}: ${this.problem}`
  }
}
