/**
 * Where the tensors of a session process lie from run to run: in its own memory, or in that of the device that computes.
 *
 * The binding can neither read nor write a device's memory (`getData` ends the process), but a session can: what goes in
 * or out passes through one of a single node.
 */
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import type * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "./Onnxruntime.ts"

export interface Memory {
  /** Takes a tensor in. */
  readonly place: (tensor: Tensor.Tensor) => Promise<Onnxruntime.NativeTensor>
  /** What is there. It may share memory with it. */
  readonly read: (native: Onnxruntime.NativeTensor) => Promise<Tensor.Tensor>
  /** After all that was placed is disposed of. */
  readonly close: () => Promise<void>
}

/** The process's own. */
export const main: Memory = {
  place: async (tensor) => Onnxruntime.toNative(tensor),
  read: async (native) => Onnxruntime.fromNative(native),
  close: async () => {},
}

/** What the device's kernels compute with; tensors of other types stay in the process's memory. */
const computed: ReadonlySet<string> = new Set(["float32", "int32", "uint32"])

/** That of the WebGPU device. */
export const device = (): Memory => {
  const up = copying({ provider: "webgpu" })
  const down = copying({ provider: "webgpu", outputs: "cpu" })
  return {
    place: async (tensor) => {
      const native = Onnxruntime.toNative(tensor)
      return computed.has(tensor.dtype) ? up.copy(native) : native
    },
    read: async (native) => Onnxruntime.fromNative(native.location === "cpu" ? native : await down.copy(native)),
    close: async () => {
      await up.release()
      await down.release()
    },
  }
}

/** Sessions of one node, one for each type of elements and number of axes. */
const copying = (options: Onnxruntime.Options) => {
  const sessions = new Map<string, Onnxruntime.NativeSession>()
  return {
    copy: async (native: Onnxruntime.NativeTensor): Promise<Onnxruntime.NativeTensor> => {
      const key = `${native.type} ${native.dims.length}`
      const session = sessions.get(key) ?? (await Onnxruntime.create(identity(native), options))
      sessions.set(key, session)
      return (await session.run({ x: native }, ["y"]))["y"]!
    },
    release: async () => {
      for (const session of sessions.values()) await session.release()
      sessions.clear()
    },
  }
}

const identity = (native: Onnxruntime.NativeTensor): Uint8Array => {
  const axes = native.dims.map((_, axis) => `axis${axis}`)
  const x = Value.input("x", Onnxruntime.dataTypeOf(native), axes)
  return Graph.bytes(Graph.make({ name: "copy", outputs: { y: Op.Identity(x) } }))
}
