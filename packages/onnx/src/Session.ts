/**
 * Asking for graphs to be run. The service is implemented by runners; what asks for it never knows where it runs.
 *
 * A device holds named tensors, so that weights and moments stay where they are used while batches go in and losses come
 * out. Requests of one device are answered in order.
 */
import type { Effect, Scope } from "effect"
import { Context } from "effect"
import type { SessionFailed } from "./Errors.ts"
import type { Graph } from "./Graph.ts"
import type { Tensor } from "./Tensor.ts"

export class Sessions extends Context.Service<
  Sessions,
  {
    /** A new device of its own (its own process); closing the scope ends it and everything on it. */
    readonly open: Effect.Effect<Device, SessionFailed, Scope.Scope>
    /**
     * What changes bytes: onnxruntime version, execution provider, instruction set and arithmetic fingerprint (hash of
     * a fixed small graph's output). Never the number of threads: results do not depend on it.
     */
    readonly environment: Effect.Effect<Readonly<Record<string, string>>, SessionFailed>
  }
>()("@thaw/onnx/Sessions") {}

/** An isolated place that holds named tensors and runs graphs on them. */
export interface Device {
  /** Makes these tensors resident under their names, replacing what is there. */
  readonly put: (tensors: Readonly<Record<string, Tensor>>) => Effect.Effect<void, SessionFailed>
  /** Makes tensors of a safetensors file resident; `rename` maps names in the file to resident names and selects. */
  readonly load: (file: string, rename?: Readonly<Record<string, string>>) => Effect.Effect<void, SessionFailed>
  /** Copies of resident tensors, by name. */
  readonly take: (names: ReadonlyArray<string>) => Effect.Effect<Readonly<Record<string, Tensor>>, SessionFailed>
  readonly drop: (names: ReadonlyArray<string>) => Effect.Effect<void, SessionFailed>
  /** SHA-256 of resident tensors' type, shape and bytes, in hexadecimal digits, by name. */
  readonly digest: (names: ReadonlyArray<string>) => Effect.Effect<Readonly<Record<string, string>>, SessionFailed>
  /** Writes resident tensors to a safetensors file (`names`: in the file → resident), whole or not at all. */
  readonly save: (
    file: string,
    names: Readonly<Record<string, string>>,
    metadata?: Readonly<Record<string, string>>,
  ) => Effect.Effect<void, SessionFailed>
  /** The most memory that the device has taken since it was opened, in bytes: all of its process. */
  readonly peakBytes: Effect.Effect<number, SessionFailed>
  readonly session: (graph: Graph | Model) => Effect.Effect<Session, SessionFailed, Scope.Scope>
}

/** A graph that others wrote: the bytes of an ONNX file that needs no other file. */
export interface Model {
  /** For messages. */
  readonly name: string
  readonly bytes: Uint8Array
}

/** One graph, ready to run. */
export interface Session {
  readonly run: (request: Request) => Effect.Effect<Readonly<Record<string, Tensor>>, SessionFailed>
}

/** Where each input comes from and each output goes. An output in neither `keep` nor `fetch` is not computed. */
export interface Request {
  /** Graph input → tensor sent with the request. */
  readonly feeds?: Readonly<Record<string, Tensor>>
  /** Graph input → name of a resident tensor. */
  readonly resident?: Readonly<Record<string, string>>
  /** Graph output → name of the resident tensor it becomes, after the run: an update may read and write one name. */
  readonly keep?: Readonly<Record<string, string>>
  /** Graph outputs to send back. */
  readonly fetch?: ReadonlyArray<string>
}
