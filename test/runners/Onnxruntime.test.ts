import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"

describe("the door to onnxruntime", () => {
  it("shares memory between tensors and native tensors, of every data type", () => {
    const tensors = [
      Tensor.float32([2], [1, 2]),
      Tensor.float64([1, 2], [1, 2]),
      Tensor.int32([2], [-1, 2]),
      Tensor.int64([2], [-1, 2]),
      Tensor.bool([2], [true, false]),
      Tensor.make("uint8", [1], new Uint8Array([7])),
      Tensor.make("int8", [1], new Int8Array([-7])),
      Tensor.make("uint32", [], new Uint32Array([7])),
    ]
    for (const tensor of tensors) {
      const back = Onnxruntime.fromNative(Onnxruntime.toNative(tensor))
      expect(back).toEqual(tensor)
      expect(back.data.buffer).toBe(tensor.data.buffer)
    }
  })

  it("computes the outputs that are asked for, of a graph whose dimensions are named", async () => {
    const x = Value.input("x", "float32", ["batch", 2])
    const session = await Onnxruntime.create(
      Graph.bytes(Graph.make({ name: "two", outputs: { double: Op.Mul(x, 2), sum: Op.ReduceSum(x, { axes: [1] }) } })),
      { threads: 1 },
    )
    expect(session.inputs).toEqual(["x"])
    expect([...session.outputs].sort()).toEqual(["double", "sum"])
    for (const batch of [1, 3]) {
      const feed = Tensor.full("float32", [batch, 2], 1.5)
      const results = await session.run({ x: Onnxruntime.toNative(feed) }, ["sum"])
      expect(Object.keys(results)).toEqual(["sum"])
      expect(Onnxruntime.fromNative(results["sum"]!)).toEqual(Tensor.full("float32", [batch, 1], 3))
    }
    await session.release()
  })

  it("gives the same bits with one thread and with two, optimised or not", async () => {
    const noise = (shape: ReadonlyArray<number>, salt: number) =>
      Tensor.float32(
        shape,
        Array.from({ length: Tensor.elements(shape) }, (_, at) => Math.sin(at * 12.9898 + salt)),
      )
    const graph = Graph.make({
      name: "mixed",
      outputs: {
        y: Op.Softmax(
          Op.Gelu(Op.Gemm(Value.input("a", "float32", ["rows", 65]), Value.input("b", "float32", [65, 130]))),
        ),
      },
    })
    const feeds = { a: noise([257, 65], 1), b: noise([65, 130], 2) }
    const one = await Onnxruntime.evaluate(graph, feeds, { threads: 1 })
    expect(await Onnxruntime.evaluate(graph, feeds, { threads: 2 })).toEqual(one)
    expect(await Onnxruntime.evaluate(graph, feeds, { threads: 2, graphOptimizationLevel: "disabled" })).toEqual(one)
  })
})
