import * as DataType from "@thaw/onnx/DataType"
import { TensorError } from "@thaw/onnx/Errors"
import * as Tensor from "@thaw/onnx/Tensor"
import { describe, expect, it } from "vitest"

describe("a tensor", () => {
  it("holds the numbers it was given, of any data type", () => {
    for (const dtype of DataType.names) {
      const tensor = Tensor.from(dtype, [2, 1], [0, 1])
      expect(tensor.dtype).toBe(dtype)
      expect(tensor.data).toBeInstanceOf(DataType.dataTypes[dtype].array)
      expect(Tensor.numbers(tensor)).toEqual([0, 1])
      expect(Tensor.sizeBytes(tensor)).toBe(2 * DataType.dataTypes[dtype].bytes)
      expect(DataType.fromOnnx(DataType.dataTypes[dtype].onnx)).toBe(dtype)
    }
  })

  it("takes a typed array of the right kind without copying it", () => {
    const data = new Float32Array([1, 2])
    expect(Tensor.float32([2], data).data).toBe(data)
  })

  it("shows its bytes in place, also of a part of a buffer", () => {
    const tensor = Tensor.float32([2], new Float32Array([9, 1, 2, 9]).subarray(1, 3))
    expect([...Tensor.bytes(tensor)]).toEqual([0, 0, 128, 63, 0, 0, 0, 64])
    expect(Tensor.bytes(tensor).buffer).toBe(tensor.data.buffer)
  })

  it("knows scalars and empty tensors", () => {
    expect(Tensor.scalar("int64", 7).data).toEqual(BigInt64Array.of(7n))
    expect(Tensor.float32([0, 3], []).data).toHaveLength(0)
    expect(Tensor.full("float64", [2, 2], 0.5).data).toEqual(Float64Array.of(0.5, 0.5, 0.5, 0.5))
  })

  it("refuses data that do not fit, and says what fits", () => {
    expect(() => Tensor.float32([2, 3], [1, 2])).toThrow(
      "Tensor.make(float32, [2, 3]): expected 6 numbers for whole lengths, got 2 numbers.",
    )
    expect(() => Tensor.float32([-1, -2], [1, 2])).toThrow(TensorError)
    expect(() => Tensor.float32([1.5], [1])).toThrow(TensorError)
    // What a caller without types may do.
    const wrong = new Int32Array(1) as unknown as Float32Array
    expect(() => Tensor.make("float32", [1], wrong)).toThrow(
      "Tensor.make(float32, [1]): expected a Float32Array, got Int32Array.",
    )
  })
})
