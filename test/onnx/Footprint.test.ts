import * as Footprint from "@thaw/onnx/Footprint"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import { describe, expect, it } from "vitest"

const input = (name: string, ...shape: ReadonlyArray<number | string>) => Value.input(name, "float32", shape)
const graph = (outputs: Readonly<Record<string, Value.Value>>) => Graph.make({ name: "g", outputs })
const lengths = { batch: 10 }

describe("the footprint of a graph", () => {
  it("counts two operations for every product of two numbers, whatever is transposed", () => {
    const [x, w] = [input("x", "batch", 3), input("w", 3, 4)]
    const y = Op.MatMul(x, w)
    expect(Footprint.work(graph({ y }), lengths)).toBe(2 * 10 * 3 * 4)
    const gradient = Op.Gemm(x, y, undefined, { transA: 1 })
    expect(Footprint.work(graph({ gradient }), lengths)).toBe(2 * 10 * 3 * 4 + 2 * 3 * 10 * 4)
    // Stacked: a product for each of 10 · 2.
    const scores = Op.MatMul(input("q", "batch", 2, 5, 3), input("k", "batch", 2, 3, 5))
    expect(Footprint.work(graph({ scores }), lengths)).toBe(10 * 2 * (2 * 5 * 3 * 5))
  })

  it("leaves out column sums, which are written as products with ones", () => {
    const ones = Value.constant(Tensor.float32([1, 8], new Float32Array(8).fill(1)))
    expect(Footprint.work(graph({ sums: Op.MatMul(ones, input("x", 8, 3)) }), {})).toBe(0)
  })

  it("holds a value until its last reader has run", () => {
    // 40, 80 and 20 numbers: the first two together are the most, 120; then the second and third.
    const a = Op.MatMul(input("x", "batch", 3), input("u", 3, 4))
    const b = Op.MatMul(a, input("v", 4, 8))
    const c = Op.MatMul(b, input("w", 8, 2))
    expect(Footprint.of(graph({ c }), lengths)).toEqual({
      peakBytes: 4 * (40 + 80),
      outputBytes: 4 * 20,
      work: 2 * 10 * (3 * 4 + 4 * 8 + 8 * 2),
    })
    // The way back reads the first again.
    const back = Op.Gemm(a, c, undefined, { transA: 1 })
    expect(Footprint.of(graph({ back }), lengths).peakBytes).toBe(4 * (40 + 80 + 20))
    // What the graph gives stays to the end.
    expect(Footprint.of(graph({ a, b, c }), lengths).peakBytes).toBe(4 * (40 + 80 + 20))
  })

  it("takes nothing for another shape, and works in place where an input ends", () => {
    const a = Op.MatMul(input("x", "batch", 3), input("u", 3, 4))
    const chain = Op.Reshape(Op.Tanh(Op.Mul(a, 2)), [4, -1])
    expect(Footprint.of(graph({ chain }), lengths).peakBytes).toBe(4 * 40)
    // The input is needed once more, so the square has a place of its own.
    expect(Footprint.of(graph({ y: Op.Add(Op.Mul(a, a), Op.Tanh(a)) }), lengths).peakBytes).toBe(4 * 80)
    // Inputs of the graph are not its to write on.
    expect(Footprint.of(graph({ y: Op.Tanh(input("x", "batch")) }), lengths).peakBytes).toBe(4 * 10)
    // A reader of the reshaped value is a reader of its numbers.
    const flat = Op.Reshape(a, [-1])
    expect(Footprint.of(graph({ flat, y: Op.Tanh(a) }), lengths).peakBytes).toBe(4 * 80)
  })

  it("counts bytes by data type", () => {
    const mask = Op.Greater(input("x", "batch", 6), input("y", "batch", 6))
    expect(Footprint.of(graph({ mask }), lengths).peakBytes).toBe(60)
  })

  it("grows with what its dimensions are bound to, and refuses names without a length", () => {
    const rows = input("h", "batch*tokens", 3)
    const product = graph({ y: Op.MatMul(rows, input("w", 3, 4)) })
    expect(Footprint.work(product, { batch: 2, tokens: 5 })).toBe(2 * 10 * 3 * 4)
    expect(() => Footprint.work(product, { batch: 2 })).toThrow(/^the dimension batch\*tokens has no length$/)
  })
})
