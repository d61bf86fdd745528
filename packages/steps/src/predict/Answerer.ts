/** What answers texts: heads over an encoder, and how texts become its tokens. Nothing is loaded until it is opened. */
import type { ArtifactBroken } from "@thaw/core/Errors"
import type { SafetensorsBroken, SessionFailed } from "@thaw/onnx/Errors"
import type { Sessions } from "@thaw/onnx/Session"
import type { Effect, Scope } from "effect"
import type * as Batch from "../Batch.ts"
import type * as Inference from "../Inference.ts"

export interface Answerer {
  /** Of the tasks that any text can be asked for; at least one. */
  readonly heads: Batch.Heads
  readonly encoding: Batch.Encoding
  /** On a device of its own, for as long as the scope is open. */
  readonly open: Effect.Effect<
    Inference.Answering,
    SessionFailed | ArtifactBroken | SafetensorsBroken,
    Sessions | Scope.Scope
  >
}
