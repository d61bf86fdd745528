/** What of the place where graphs run changes the bytes of a step that computes: part of its content key. */
import { Sessions } from "@thaw/onnx/Session"
import { Effect } from "effect"

/** onnxruntime's version, execution provider, instruction set and arithmetic fingerprint. */
export const sessions = Effect.flatMap(Sessions, ({ environment }) => environment)
