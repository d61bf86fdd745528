/**
 * The local runner with sessions on a GPU: the same steps, the same session processes, and in each of them onnxruntime's
 * WebGPU provider. Weights, moments and accumulators stay in the device's memory from update to update; batches and rates
 * go in, losses come out. A process has one device and one queue, since two sessions at work at once are a crash.
 *
 * Every node of a graph of Thaw is computed on the device, or the session is refused. What others wrote (an `.onnx` file)
 * is computed on CPU.
 */
import type { RunEvents } from "@thaw/core/RunEvent"
import type { Runner } from "@thaw/core/Runner"
import type { Sessions } from "@thaw/onnx/Session"
import { Layer } from "effect"
import * as LocalRunner from "./LocalRunner.ts"
import * as SessionProcess from "./SessionProcess.ts"

export type Options = Omit<SessionProcess.Options, "provider">

/** Sessions on the GPU. Without one, opening a device fails with the runtime's reason. */
export const sessions = (options: Options = {}): Layer.Layer<Sessions> =>
  SessionProcess.layer({ ...options, provider: "webgpu" })

export const layer = (options: Options = {}): Layer.Layer<Runner | Sessions, never, RunEvents> =>
  LocalRunner.runner.pipe(Layer.provideMerge(sessions(options)))
