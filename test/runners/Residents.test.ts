import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import * as Residents from "@thaw/runners/Residents"
import { describe, expect, it } from "vitest"

const over = (data: Float32Array) => Onnxruntime.toNative(Tensor.float32([data.length], data))
const numbers = (residents: Residents.Residents, name: string) =>
  Tensor.numbers(Onnxruntime.fromNative(residents.get(name)!))

describe("resident tensors", () => {
  it("give memory back as soon as their name is another's, or nobody's", () => {
    const residents = Residents.make()
    const [first, second] = [Float32Array.of(1, 2), Float32Array.of(3, 4)]
    residents.set("w", over(first))
    residents.set("w", over(second))
    expect([first.buffer.byteLength, second.buffer.byteLength]).toEqual([0, 8])
    expect(numbers(residents, "w")).toEqual([3, 4])
    residents.delete("w")
    expect(second.buffer.byteLength).toBe(0)
    expect([...residents.names()]).toEqual([])
  })

  it("keep memory that others lie in too", () => {
    const residents = Residents.make()
    const both = Float32Array.of(1, 2, 3, 4)
    residents.set("a", over(both.subarray(0, 2)))
    residents.set("b", over(both.subarray(2)))
    residents.set("a", over(Float32Array.of(9)))
    expect([numbers(residents, "a"), numbers(residents, "b")]).toEqual([[9], [3, 4]])
    residents.delete("b")
    expect(both.buffer.byteLength).toBe(0)
  })

  it("may be put again under their own name, and names that are unknown dropped", () => {
    const residents = Residents.make()
    const data = Float32Array.of(5)
    residents.set("a", over(data))
    residents.set("a", over(data))
    residents.delete("b")
    expect(numbers(residents, "a")).toEqual([5])
    expect(residents.size()).toBe(1)
  })
})
