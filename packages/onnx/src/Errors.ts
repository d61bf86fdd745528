/** Everything that can go wrong in onnx, as data with one computed sentence. */
import * as Problem from "@thaw/core/Problem"
import * as Schema from "effect/Schema"

/** A tensor whose numbers do not fit its data type or shape. */
export class TensorError extends Schema.TaggedError<TensorError>()("TensorError", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** An operator was given shapes or data types it is not defined for, or a graph's names contradict each other. */
export class GraphError extends Schema.TaggedError<GraphError>()("GraphError", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** A safetensors file is missing, truncated, malformed or not what it says it is. */
export class SafetensorsBroken extends Schema.TaggedError<SafetensorsBroken>()("SafetensorsBroken", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}

/** A device or session could not be opened, or did not answer a request. */
export class SessionFailed extends Schema.TaggedError<SessionFailed>()("SessionFailed", Problem.fields) {
  override get message(): string {
    return Problem.sentence(this)
  }
}
