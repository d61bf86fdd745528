/**
 * Named tensors of a session process. Memory that no name holds any more is given back at once: an update replaces
 * hundreds of megabytes, and the garbage collector, which sees small objects only, would let several updates' worth pile
 * up.
 *
 * So whoever took a tensor from here may read it until the next change and no longer.
 */
import type { NativeTensor } from "./Onnxruntime.ts"

export interface Residents {
  readonly get: (name: string) => NativeTensor | undefined
  readonly set: (name: string, tensor: NativeTensor) => void
  readonly delete: (name: string) => void
  readonly names: () => Iterable<string>
  readonly tensors: () => Iterable<NativeTensor>
  readonly size: () => number
  /** Frees all. */
  readonly clear: () => void
}

export const make = (): Residents => {
  const tensors = new Map<string, NativeTensor>()
  /** How many tensors lie in each piece of memory: those of a message or a file may share one. */
  const uses = new Map<ArrayBufferLike, number>()

  const release = (name: string) => {
    const tensor = tensors.get(name)
    if (tensor === undefined) return
    tensors.delete(name)
    const memory = memoryOf(tensor)
    if (memory === undefined) return tensor.dispose()
    const left = uses.get(memory)! - 1
    if (left > 0) uses.set(memory, left)
    else {
      uses.delete(memory)
      free(memory)
    }
  }

  return {
    get: (name) => tensors.get(name),
    set: (name, tensor) => {
      const memory = memoryOf(tensor)
      // Counted before the old one is released: both may lie in the same memory.
      if (memory !== undefined) uses.set(memory, (uses.get(memory) ?? 0) + 1)
      release(name)
      tensors.set(name, tensor)
    },
    delete: release,
    names: () => tensors.keys(),
    tensors: () => tensors.values(),
    size: () => tensors.size,
    clear: () => {
      // On devices with memory of their own.
      for (const tensor of tensors.values()) tensor.dispose()
      tensors.clear()
      uses.clear()
    },
  }
}

/** The memory of a tensor on CPU. */
const memoryOf = (tensor: NativeTensor): ArrayBufferLike | undefined =>
  // Asking a device's tensor for its data throws.
  tensor.location === "cpu" && ArrayBuffer.isView(tensor.data) ? tensor.data.buffer : undefined

/** A buffer that is transferred to one of no bytes lets go of its memory. */
const free = (memory: ArrayBufferLike): void => {
  if (memory instanceof ArrayBuffer && typeof memory.transfer === "function") memory.transfer(0)
}
