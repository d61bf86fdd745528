import { GraphError } from "@thaw/onnx/Errors"
import * as Extent from "@thaw/onnx/Extent"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Type from "@thaw/onnx/Type"
import * as Value from "@thaw/onnx/Value"
import { describe, expect, it } from "vitest"

const input = (name: string, ...shape: ReadonlyArray<number | string>) => Value.input(name, "float32", shape)
const ids = Value.input("ids", "int32", ["batch", "tokens"])
const hidden = input("hidden", "batch*tokens", 8)
const matrix = input("matrix", 3, 4)

const refused = (build: () => unknown): Error => {
  try {
    build()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error("nothing was refused")
}

/** The operators that a value is computed with, each once. */
const operators = (value: Value.Value): ReadonlyArray<string> =>
  Graph.make({ name: "test", outputs: { value } }).nodes.map(({ operator }) => operator)

describe("a wrong shape or data type", () => {
  it.each<readonly [string, () => unknown, string]>([
    [
      "broadcasting different names",
      () => Op.Add(input("query", "batch", 3), input("key", "tokens", 3)),
      "Add: expected shapes that broadcast, got float32[batch, 3] (query) and float32[tokens, 3] (key).",
    ],
    [
      "mixed data types",
      () => Op.Mul(matrix, ids),
      "Mul: expected numeric operands of one data type, got float32[3, 4] (matrix) and int32[batch, tokens] (ids).",
    ],
    [
      "inner dimensions",
      () => Op.MatMul(matrix, matrix),
      "MatMul: expected equal inner dimensions, not 4 and 3, got float32[3, 4] (matrix) and float32[3, 4] (matrix).",
    ],
    [
      "inner dimensions after a transpose",
      () => Op.Gemm(matrix, input("weight", 3, 4), undefined, { transA: 1, transB: 1 }),
      "Gemm: expected equal inner dimensions, not 3 and 4, got float32[3, 4] (matrix) and float32[3, 4] (weight), alpha = 1, beta = 1, transA = 1, transB = 1.",
    ],
    [
      "a bias that would enlarge the product",
      () => Op.Gemm(input("x", 1, 4), input("w", 4, 2), input("b", 3, 2)),
      "Gemm: expected C that broadcasts to [1, 2], got float32[1, 4] (x) and float32[4, 2] (w) and float32[3, 2] (b), alpha = 1, beta = 1, transA = 0, transB = 0.",
    ],
    [
      "more axes than Gemm takes",
      () => Op.Gemm(input("x", "batch", 3, 4), input("w", 4, 2)),
      "Gemm: expected two matrices, got float32[batch, 3, 4] (x) and float32[4, 2] (w), alpha = 1, beta = 1, transA = 0, transB = 0. Use MatMul for more axes.",
    ],
    [
      "a scale of another length",
      () => Op.LayerNormalization(hidden, input("scale", 7)),
      "LayerNormalization: expected Scale and B of shape [8], got float32[batch*tokens, 8] (hidden) and float32[7] (scale), axis = -1, epsilon = 0.00001.",
    ],
    [
      "an axis that is not there",
      () => Op.Softmax(matrix, { axis: 2 }),
      "Softmax: expected an axis from -2 to 1, got float32[3, 4] (matrix), axis = 2.",
    ],
    [
      "an axis reduced twice",
      () => Op.ReduceSum(matrix, { axes: [1, -1] }),
      "ReduceSum: expected constant, distinct axes from -2 to 1, got float32[3, 4] (matrix) and int64[2] = 1, -1, keepdims = 1.",
    ],
    [
      "another number of elements",
      () => Op.Reshape(hidden, [-1, 3]),
      "Reshape: expected a number of elements that the other lengths divide, got float32[batch*tokens, 8] (hidden) and int64[2] = -1, 3.",
    ],
    [
      "extents with another number of elements",
      () => Op.Reshape(hidden, [Extent.of(ids, 1), 8]),
      "Reshape: expected 8*batch*tokens elements in the new shape, got float32[batch*tokens, 8] (hidden) and the target [tokens, 8].",
    ],
    [
      "two unknown lengths",
      () => Op.Reshape(matrix, [-1, -1]),
      "Reshape: expected at most one -1 in the shape, got float32[3, 4] (matrix) and int64[2] = -1, -1.",
    ],
    [
      "a shape nobody knows",
      () => Op.Reshape(matrix, Value.input("shape", "int64", [2])),
      "Reshape: expected a shape whose contents are known, got float32[3, 4] (matrix) and int64[2] (shape). Build it from numbers and Shape of other values.",
    ],
    [
      "a part of a named axis",
      () => Op.Slice(hidden, { starts: [0], ends: [1], axes: [0] }),
      "Slice: expected the whole of axis 0, whose length is named, got float32[batch*tokens, 8] (hidden) and int64[1] = 0 and int64[1] = 1 and int64[1] = 0. Take one place of it with Gather.",
    ],
    [
      "concatenating along a named axis",
      () => Op.Concat([hidden, hidden], { axis: 0 }),
      "Concat: expected lengths along axis 0 that are numbers, got float32[batch*tokens, 8] (hidden) and float32[batch*tokens, 8] (hidden), axis = 0.",
    ],
    [
      "a perm that forgets an axis",
      () => Op.Transpose(matrix, { perm: [0, 0] }),
      "Transpose: expected perm to hold each axis from 0 to 1 once, got float32[3, 4] (matrix), perm = [0,0].",
    ],
    [
      "squeezing a longer axis",
      () => Op.Squeeze(matrix, { axes: [0] }),
      "Squeeze: expected constant, distinct axes of length 1, got float32[3, 4] (matrix) and int64[1] = 0.",
    ],
    [
      "indices that are no integers",
      () => Op.Gather(matrix, matrix),
      "Gather: expected int32 or int64 indices, got float32[3, 4] (matrix) and float32[3, 4] (matrix), axis = 0.",
    ],
    [
      "updates of another shape than the indices",
      () => Op.ScatterElements(matrix, Value.ints([1]), matrix),
      'ScatterElements: expected indices with the data\'s rank, no longer than the data except along axis 0, got float32[3, 4] (matrix) and int64[1] = 1 and float32[3, 4] (matrix), axis = 0, reduction = "none".',
    ],
    [
      "a condition that is no truth",
      () => Op.Where(matrix, matrix, 0),
      "Where: expected a bool condition and two values of one data type: float32, float64, int32 or int64, got float32[3, 4] (matrix) and float32[3, 4] (matrix) and float32[].",
    ],
    [
      "a range of unknown length",
      () => Op.Range(1, Extent.of(ids, 0)),
      "Range: expected start 0 and a limit that delta divides, when one of them has a name, got int64[] = 1 and int64[] and int64[] = 1.",
    ],
    [
      "an input with an impossible dimension",
      () => Value.input("x", "float32", ["batch", -1]),
      'input "x": expected dimensions that are lengths or names such as "batch" or "batch*tokens", got [batch, -1].',
    ],
    [
      "an extent of an axis that is not there",
      () => Extent.of(ids, 2),
      "Extent.of: expected an axis from -2 to 1, got int32[batch, tokens] (ids) and axis 2.",
    ],
  ])("is refused with operator, expected and got: %s", (_, build, message) => {
    const error = refused(build)
    expect(error).toBeInstanceOf(GraphError)
    expect(error.message).toBe(message)
  })
})

describe("a number as an operand", () => {
  it("takes the other operand's data type", () => {
    expect(Type.text(Op.Add(Value.input("x", "float64", ["batch"]), 1))).toBe("float64[batch]")
    expect(Type.text(Op.Mul(2, ids))).toBe("int32[batch, tokens]")
    expect(Type.text(Op.Where(Op.Greater(ids, 0), 1, matrixOf("float64")))).toBe("float64[batch, tokens]")
  })
})

const matrixOf = (dtype: "float64") => Value.input("values", dtype, ["batch", "tokens"])

describe("Reshape", () => {
  it("says named lengths by 0 and -1 where that is enough", () => {
    const graph = Graph.make({
      name: "test",
      outputs: {
        heads: Op.Reshape(input("x", "batch", "tokens", 8), [Extent.of(ids, 0), Extent.of(ids, 1), 2, 4]),
        flat: Op.ReshapeLike(input("y", "batch", "tokens", 2, 4), hidden),
      },
    })
    expect(Graph.text(graph)).toBe(`graph "test"
  input x: float32[batch, tokens, 8]
  input y: float32[batch, tokens, 2, 4]
  output heads: float32[batch, tokens, 2, 4] = Reshape(x, [0, 0, 2, 4])
  output flat: float32[batch*tokens, 8] = Reshape(y, [-1, 8])
`)
  })

  it("reads lengths from another value where one dimension becomes two", () => {
    const split = Op.Reshape(hidden, [Extent.of(ids, 0), Extent.of(ids, 1), 2, 4])
    expect(Type.text(split)).toBe("float32[batch, tokens, 2, 4]")
    expect(operators(split)).toEqual(["Shape", "Concat", "Reshape"])
  })

  it("keeps what is known of contents, so shapes computed from shapes stay named", () => {
    const lengths = Op.Concat([Op.Gather(Op.Shape(ids), Value.ints([1, 0])), Value.ints([8])], { axis: 0 })
    expect(Type.text(Op.Reshape(hidden, lengths))).toBe("float32[tokens, batch, 8]")
    const product = Op.Mul(
      Op.Slice(Op.Shape(ids), { starts: [0], ends: [1], axes: [0] }),
      Op.Shape(ids, { start: 1, end: 2 }),
    )
    expect(Type.text(Op.Expand(input("row", 1), product))).toBe("float32[batch*tokens]")
  })
})

describe("ScatterND", () => {
  it("has no adding form, which would race", () => {
    // @ts-expect-error no fourth argument
    const adding = () => Op.ScatterND(matrix, Value.ints([0]), matrix, { reduction: "add" })
    expect(adding).toThrow(GraphError)
    expect(Op.ScatterND).toHaveLength(3)
    const node = Op.ScatterND(matrix, Value.constant(Tensor.int64([1, 1], [0])), input("row", 1, 4)).origin
    expect(node.kind === "node" && node.node.attributes).toEqual({})
  })
})

describe("what does not compile", () => {
  it("is an attribute that must be given, is misspelt or has another type", () => {
    // @ts-expect-error perm must be given
    expect(() => Op.Transpose(matrix, {})).toThrow(TypeError)
    // @ts-expect-error axis must be given
    expect(() => Op.Concat([matrix], {})).toThrow(GraphError)
    // @ts-expect-error Gelu knows "none" and "tanh"
    expect(Op.Gelu(matrix, { approximate: "sigmoid" }).shape).toEqual([3, 4])
    // @ts-expect-error transB is 0 or 1
    expect(() => Op.Gemm(matrix, matrix, undefined, { transB: true })).toThrow(GraphError)
    // @ts-expect-error Softmax has no attribute axes
    expect(Op.Softmax(matrix, { axes: 0 }).shape).toEqual([3, 4])
  })

  it("is reading an input or attribute that the operator of a node does not have", () => {
    const { origin } = Op.Gemm(matrix, input("weight", 4, 2))
    if (origin.kind !== "node" || origin.node.operator !== "Gemm") throw new Error("a Gemm was built")
    const { inputs, attributes } = origin.node
    expect(inputs[2]).toBeUndefined()
    expect([attributes.alpha, attributes.transB]).toEqual([1, 0])
    // @ts-expect-error Gemm has no axis
    expect(attributes.axis).toBeUndefined()
    // @ts-expect-error Gemm has three inputs
    expect(inputs[3]).toBeUndefined()
  })
})
