import * as DynamicQuantisation from "@thaw/onnx/DynamicQuantisation"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import * as RowQuantisation from "@thaw/onnx/RowQuantisation"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import fc from "fast-check"
import { describe, expect, it } from "vitest"

/** Both signs, no two rows of one size. */
const numbers = (rows: number, columns: number, salt = 0): Tensor.TensorOf<"float32"> =>
  Tensor.float32(
    [rows, columns],
    Float32Array.from({ length: rows * columns }, (_, at) => {
      const row = Math.floor(at / columns)
      return Math.sin(1 + at * 1.7 + salt) * (0.1 + row / rows)
    }),
  )

const quantised = (value: Value.Value): Graph.Graph =>
  Graph.make({ name: "quantised", outputs: DynamicQuantisation.values({ y: value }) })
const asIs = (value: Value.Value): Graph.Graph => Graph.make({ name: "as it is", outputs: { y: value } })
const operators = (graph: Graph.Graph) => graph.nodes.map(({ operator }) => operator)

const answers = async (graph: Graph.Graph, feeds: Readonly<Record<string, Tensor.Tensor>>) =>
  Tensor.numbers((await Onnxruntime.evaluate(graph, feeds))["y"]!)

/** ONNX's DynamicQuantizeLinear, by its specification. */
const dynamic = (data: ReadonlyArray<number>) => {
  const [low, high] = [Math.min(0, ...data), Math.max(0, ...data)]
  const scale = Math.fround((high - low) / 255)
  const even = (x: number) => {
    const rounded = Math.round(x)
    return Math.abs(x % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
  }
  const clamp = (x: number) => Math.max(0, Math.min(255, x))
  const zero = clamp(even(-low / scale))
  return { scale, zero, integers: data.map((x) => clamp(even(Math.fround(x / scale)) + zero)) }
}

const [inputs, outputs] = [96, 200]
const weight = numbers(outputs, inputs)
const x = numbers(5, inputs, 3)
const bias = Tensor.float32(
  [outputs],
  Float32Array.from({ length: outputs }, (_, at) => Math.cos(at)),
)
const given = Value.input("x", "float32", ["rows", inputs])
const W = Value.initializer("layer.weight", weight)
const b = Value.initializer("layer.bias", bias)
const map = Op.Gemm(given, W, b, { transB: 1 })

describe("a row of numbers as small integers", () => {
  it("is at most half a step away, and the greatest number is the greatest integer", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(63, 127),
        (row, most) => {
          const { integers, scales } = RowQuantisation.of(Tensor.float32([1, row.length], row), most)
          const scale = scales[0]!
          const greatest = Math.max(...row.map(Math.abs))
          for (const [at, number] of row.entries()) {
            expect(Math.abs(integers[at]!)).toBeLessThanOrEqual(most)
            if (scale > 1e-38) expect(Math.abs(number - scale * integers[at]!)).toBeLessThanOrEqual(0.5001 * scale)
          }
          if (greatest > 1e-30) expect(Math.max(...Array.from(integers, Math.abs))).toBe(most)
        },
      ),
    )
  })

  it("has a scale of its own, and none of zeros is a problem", () => {
    const { integers, scales } = RowQuantisation.of(Tensor.float32([3, 2], [0.5, -1, 0, 0, 127, 63.5]), 127)
    expect([...integers]).toEqual([64, -127, 0, 0, 127, 64])
    expect([...scales]).toEqual([Math.fround(1 / 127), 1, 1])
  })
})

describe("quantised values", () => {
  it("are what the specifications of their operators say, to the last integer", async () => {
    const { scale, zero, integers } = dynamic(Tensor.numbers(x))
    const rows = RowQuantisation.of(weight, 63)
    const wanted = Array.from({ length: 5 * outputs }, (_, at) => {
      const [row, output] = [Math.floor(at / outputs), at % outputs]
      let sum = 0
      for (let k = 0; k < inputs; k++) {
        sum += (integers[row * inputs + k]! - zero) * rows.integers[output * inputs + k]!
      }
      return sum * scale * rows.scales[output]! + bias.data[output]!
    })
    const got = await answers(quantised(map), { x })
    got.forEach((number, at) => expect(number).toBeCloseTo(wanted[at]!, 4))
  })

  it("are near those of the weights as they were", async () => {
    const exact = await answers(asIs(map), { x })
    const got = await answers(quantised(map), { x })
    const size = Math.sqrt(exact.reduce((sum, each) => sum + each * each, 0))
    const off = Math.sqrt(got.reduce((sum, each, at) => sum + (each - exact[at]!) ** 2, 0))
    expect(off / size).toBeLessThan(0.02)
    expect(off).toBeGreaterThan(0)
  })

  it("take the form that the runtime's kernels are made of", () => {
    expect(Graph.text(quantised(map))).toBe(`graph "quantised"
  input x: float32[rows, 96]
  initializer layer.weight_quantized: int8[96, 200]
  initializer layer.weight_scale: float32[200]
  initializer layer.bias: float32[200]
  DynamicQuantizeLinear.0: uint8[rows, 96], DynamicQuantizeLinear.1: float32[], DynamicQuantizeLinear.2: uint8[] = DynamicQuantizeLinear(x)
  MatMulInteger.0: int32[rows, 200] = MatMulInteger(DynamicQuantizeLinear.0, layer.weight_quantized, DynamicQuantizeLinear.2)
  Cast.0: float32[rows, 200] = Cast(MatMulInteger.0) to=float32
  Mul.0: float32[200] = Mul(DynamicQuantizeLinear.1, layer.weight_scale)
  Mul.1: float32[rows, 200] = Mul(Cast.0, Mul.0)
  output y: float32[rows, 200] = Add(Mul.1, layer.bias)
`)
  })

  it("read what several products read once", () => {
    const others = [1, 2].map((salt) => Value.initializer(`weight.${salt}`, numbers(outputs, inputs, salt)))
    const sum = others.reduce((value, each) => Op.Add(value, Op.Gemm(given, each, undefined, { transB: 1 })), map)
    const found = operators(quantised(sum))
    expect(found.filter((each) => each === "DynamicQuantizeLinear")).toHaveLength(1)
    expect(found.filter((each) => each === "MatMulInteger")).toHaveLength(3)
  })

  it("have rows of tables scaled back one by one", async () => {
    const table = numbers(400, 50)
    const ids = Value.input("ids", "int32", ["batch", "tokens"])
    const feeds = { ids: Tensor.int32([2, 2], [0, 399, 7, 7]) }
    const rows = Op.Gather(Value.initializer("words", table), ids, { axis: 0 })
    const exact = await answers(asIs(rows), feeds)
    const got = await answers(quantised(rows), feeds)
    const { scales } = RowQuantisation.of(table, 127)
    got.forEach((number, at) => {
      const row = feeds.ids.data[Math.floor(at / 50)]!
      expect(Math.abs(number - exact[at]!)).toBeLessThanOrEqual(0.501 * scales[row]!)
    })
  })

  it("keep parts of a weight apart, and a product's other orientation", async () => {
    const part = (value: Value.Value, start: number, end: number) => Op.Slice(value, { starts: [start], ends: [end], axes: [0] }) // prettier-ignore
    const wide = Value.initializer("joint.weight", numbers(600, inputs, 5))
    const offset = Value.initializer("joint.bias", Tensor.float32([600], numbers(600, 1).data))
    const thirds = [0, 200, 400].map((start) => Op.Gemm(given, part(wide, start, start + 200), part(offset, start, start + 200), { transB: 1 })) // prettier-ignore
    const standing = Value.initializer("standing", numbers(inputs, outputs, 8))
    const value = Op.Add(Op.Add(thirds[0]!, Op.Mul(thirds[1]!, thirds[2]!)), Op.MatMul(given, standing))
    const graph = quantised(value)
    expect(operators(graph)).not.toContain("Slice")
    expect(operators(graph)).not.toContain("Gemm")
    const exact = await answers(asIs(value), { x })
    const got = await answers(graph, { x })
    const most = Math.max(...exact.map(Math.abs))
    got.forEach((number, at) => expect(Math.abs(number - exact[at]!)).toBeLessThan(0.03 * most))
  })

  it("leave small weights, scaled products, nameless constants and products of two values as they are", () => {
    const small = Value.initializer("small", numbers(10, inputs))
    const nameless = Value.constant(weight)
    const square = Value.input("square", "float32", [inputs, "rows"])
    for (const value of [
      Op.Gemm(given, small, undefined, { transB: 1 }),
      Op.Gemm(given, W, b, { transB: 1, alpha: 0.5 }),
      Op.Gemm(given, nameless, undefined, { transB: 1 }),
      Op.MatMul(given, square),
      Op.Gather(nameless, Value.input("ids", "int32", ["rows"]), { axis: 0 }),
      Op.Gather(W, Value.input("ids", "int32", ["rows"]), { axis: 1 }),
    ]) {
      expect(Graph.text(quantised(value)).split("\n").slice(1)).toEqual(Graph.text(asIs(value)).split("\n").slice(1))
    }
  })

  it("store a quarter of what the weights took", () => {
    expect(Graph.bytes(quantised(map)).length / Graph.bytes(asIs(map)).length).toBeLessThan(0.3)
  })
})
