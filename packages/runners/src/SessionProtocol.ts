/**
 * What the parent asks a session process and what it answers. Messages travel over Node's IPC channel with the
 * structured-clone serialisation, so typed arrays go as they are.
 *
 *     parent  ── { id, request } ──►  child      answered strictly in the order of arrival
 *     parent  ◄── { id, outcome } ──  child
 */
import type { Problem } from "@thaw/core/Problem"
import type { Tensor } from "@thaw/onnx/Tensor"
import type { Binding } from "./DeviceGraph.ts"
import type { Provider } from "./Onnxruntime.ts"

type Tensors = Readonly<Record<string, Tensor>>
type Names = Readonly<Record<string, string>>

export type Request =
  /** Answered when onnxruntime is loaded. */
  | { readonly _tag: "Ready" }
  | { readonly _tag: "Environment" }
  | { readonly _tag: "Put"; readonly tensors: Tensors }
  | { readonly _tag: "Load"; readonly file: string; readonly rename: Names | undefined }
  | { readonly _tag: "Take"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Drop"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Digest"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Save"; readonly file: string; readonly names: Names; readonly metadata: Names | undefined }
  | { readonly _tag: "PeakBytes" }
  /**
   * The parent numbers its sessions; `name` is the graph's, for messages. With a binding the model is one for the device,
   * without one it is computed on CPU.
   */
  | {
      readonly _tag: "Create"
      readonly session: number
      readonly name: string
      readonly model: Uint8Array
      readonly binding: Binding | undefined
    }
  | {
      readonly _tag: "Run"
      readonly session: number
      readonly feeds: Tensors
      readonly resident: Names
      readonly keep: Names
      readonly fetch: ReadonlyArray<string>
    }
  | { readonly _tag: "Release"; readonly session: number }

export type RequestOf<Tag extends Request["_tag"]> = Extract<Request, { readonly _tag: Tag }>

/** What a request that succeeds is answered with. */
export interface Answers {
  readonly Ready: void
  readonly Environment: Readonly<Record<string, string>>
  readonly Put: void
  readonly Load: void
  readonly Take: Tensors
  readonly Drop: void
  readonly Digest: Names
  readonly Save: void
  readonly PeakBytes: number
  readonly Create: void
  readonly Run: Tensors
  readonly Release: void
}

export interface Question {
  readonly id: number
  readonly request: Request
}

export type Outcome =
  | { readonly _tag: "Done"; readonly value: Answers[Request["_tag"]] }
  | { readonly _tag: "Failed"; readonly problem: Problem }

export interface Reply {
  readonly id: number
  readonly outcome: Outcome
}

/** How a process is told its options: one JSON argument. */
export interface ProcessOptions {
  readonly threads?: number
  readonly graphOptimizationLevel?: "all" | "disabled"
  /** Where graphs are computed; on CPU unless told. */
  readonly provider?: Provider
}
