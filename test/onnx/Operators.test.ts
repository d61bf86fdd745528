import * as DataType from "@thaw/onnx/DataType"
import { GraphError } from "@thaw/onnx/Errors"
import * as Graph from "@thaw/onnx/Graph"
import type { Node } from "@thaw/onnx/Node"
import * as Op from "@thaw/onnx/Op"
import { names, type OperatorName } from "@thaw/onnx/Operators"
import * as Shape from "@thaw/onnx/Shape"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Type from "@thaw/onnx/Type"
import * as Value from "@thaw/onnx/Value"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import { describe, expect, it } from "vitest"
import { cases, lengths, type Case } from "./cases.ts"

/** The node a case is about. */
const nodeOf = (value: Value.Value): Node => {
  if (value.origin.kind !== "node") throw new Error("a case builds a node")
  return value.origin.node
}

const inputs = ({ inputs: tensors }: Case, shapes: ReadonlyArray<Shape.Shape>): ReadonlyArray<Value.Value> =>
  tensors.map((tensor, index) => Value.input(`input.${index}`, tensor.dtype, shapes[index]!))

const feeds = (graph: Graph.Graph, tensors: ReadonlyArray<Tensor.Tensor>): Record<string, Tensor.Tensor> =>
  Object.fromEntries(graph.inputs.map(({ name }) => [name, tensors[Number(name.slice("input.".length))]!]))

/** Runs the node of a case with all its outputs, and gives their inferred types beside what the runtime says. */
const compare = async (each: Case, shapes: ReadonlyArray<Shape.Shape>) => {
  const outputs = nodeOf(each.build(inputs(each, shapes))).outputs as ReadonlyArray<Value.Value>
  const graph = Graph.make({
    name: each.name,
    outputs: Object.fromEntries(outputs.map((output, index) => [`output.${index}`, output])),
  })
  const results = await Onnxruntime.evaluate(graph, feeds(graph, each.inputs), { threads: 1 })
  return outputs.map((inferred, index) => ({ inferred, result: results[`output.${index}`]! }))
}

describe("the table of operators", () => {
  it("has cases for every operator, and each case is about its operator", () => {
    expect(Object.keys(cases).sort()).toEqual(names)
    for (const name of names) {
      expect(cases[name].length, name).toBeGreaterThan(1)
      for (const each of cases[name]) expect(nodeOf(each.build(inputs(each, each.symbolic))).operator).toBe(name)
    }
  })

  describe.each(names)("%s", (operator) => {
    it.each(cases[operator].map((each) => [each.name, each] as const))("%s has the inferred type", async (_, each) => {
      for (const { inferred, result } of await compare(
        each,
        each.inputs.map(({ shape }) => shape),
      )) {
        expect(Type.text(result)).toBe(Type.text(inferred))
      }
      for (const { inferred, result } of await compare(each, each.symbolic)) {
        const bound = {
          dtype: inferred.dtype,
          shape: Shape.bind(inferred.shape, lengths),
        }
        expect(Type.text(result)).toBe(Type.text(bound))
        if (inferred.known !== undefined && inferred.shape.length === 1) {
          expect(Tensor.numbers(result)).toEqual(Shape.bind(inferred.known, lengths))
        }
      }
    })
  })
})

/** One value evaluated without inputs. */
const evaluate = async (value: Value.Value): Promise<ReadonlyArray<number>> => {
  const graph = Graph.make({ name: "constant", outputs: { value } })
  return Tensor.numbers((await Onnxruntime.evaluate(graph, {}, { threads: 1 }))["value"]!)
}
const matrix = (rows: ReadonlyArray<ReadonlyArray<number>>): Value.Value =>
  Value.constant(Tensor.float32([rows.length, rows[0]!.length], rows.flat()))
const indices = (rows: ReadonlyArray<ReadonlyArray<number>>): Value.Value =>
  Value.constant(Tensor.int64([rows.length, rows[0]!.length], rows.flat()))
const close = (actual: ReadonlyArray<number>, expected: ReadonlyArray<number>): void => {
  expect(actual).toHaveLength(expected.length)
  for (const [index, number] of actual.entries()) expect(number).toBeCloseTo(expected[index]!, 5)
}

describe("data types", () => {
  /** The first case of an operator with another data type in place of its first input's, without zeros. */
  const changed = (operator: OperatorName, dtype: DataType.DataType): Case => {
    const each = cases[operator][0]!
    const from = each.inputs[0]!.dtype
    return {
      ...each,
      inputs: each.inputs.map((tensor) =>
        tensor.dtype === from
          ? Tensor.from(
              dtype,
              tensor.shape,
              Tensor.numbers(tensor).map((number) => Math.sign(number) * Math.ceil(Math.abs(number))),
            )
          : tensor,
      ),
    }
  }

  it.each(names)("%s accepts only what the runtime computes with", async (operator) => {
    let accepted = 0
    for (const dtype of DataType.names) {
      const each = changed(operator, dtype)
      try {
        each.build(inputs(each, each.symbolic))
      } catch (error) {
        expect(error).toBeInstanceOf(GraphError)
        continue
      }
      accepted++
      for (const { inferred, result } of await compare(each, each.symbolic)) expect(result.dtype).toBe(inferred.dtype)
    }
    expect(accepted).toBeGreaterThan(0)
  })
})

describe("attributes reach the runtime", () => {
  const a = matrix([
    [1, 2],
    [3, 4],
  ])
  const b = matrix([
    [5, 6],
    [7, 8],
  ])

  it("Gemm computes alpha · A'B' + beta · C", async () => {
    close(await evaluate(Op.Gemm(a, b)), [19, 22, 43, 50])
    close(await evaluate(Op.Gemm(a, b, a, { alpha: 2, beta: -1 })), [37, 42, 83, 96])
    close(await evaluate(Op.Gemm(a, b, undefined, { transA: 1 })), [26, 30, 38, 44])
    close(await evaluate(Op.Gemm(a, b, undefined, { transB: 1 })), [17, 23, 39, 53])
  })

  it("FusedMatMul computes alpha · A'B'", async () => {
    close(await evaluate(Op.FusedMatMul(a, b, { alpha: 0.5 })), [9.5, 11, 21.5, 25])
    close(await evaluate(Op.FusedMatMul(a, b, { transA: 1 })), [26, 30, 38, 44])
    close(await evaluate(Op.FusedMatMul(a, b, { transB: 1 })), [17, 23, 39, 53])
  })

  it("Gelu is exact or by tanh (figures from torch.nn.functional.gelu)", async () => {
    const x = Value.constant(Tensor.float32([2], [1, -0.5]))
    close(await evaluate(Op.Gelu(x)), [0.8413447, -0.1542688])
    close(await evaluate(Op.Gelu(x, { approximate: "tanh" })), [0.841192, -0.154286])
  })

  it("Softmax and LogSoftmax work along their axis", async () => {
    const e = Math.E
    close(await evaluate(Op.Softmax(a)), [1 / (1 + e), e / (1 + e), 1 / (1 + e), e / (1 + e)])
    const e2 = e * e
    close(await evaluate(Op.Softmax(a, { axis: 0 })), [1 / (1 + e2), 1 / (1 + e2), e2 / (1 + e2), e2 / (1 + e2)])
    close(await evaluate(Op.LogSoftmax(a, { axis: 0 })).then((x) => x.map(Math.exp)), [
      1 / (1 + e2),
      1 / (1 + e2),
      e2 / (1 + e2),
      e2 / (1 + e2),
    ])
  })

  it("LayerNormalization uses its epsilon and axis", async () => {
    const ones = Value.constant(Tensor.float32([2], [1, 1]))
    // Mean 1.5 and variance 0.25: with epsilon 0.75 the deviation is exactly 1.
    const normalised = Op.LayerNormalization(a, ones, undefined, { epsilon: 0.75 })
    close(await evaluate(normalised.Y), [-0.5, 0.5, -0.5, 0.5])
    close(await evaluate(normalised.Mean), [1.5, 3.5])
    close(await evaluate(normalised.InvStdDev), [1, 1])
    const whole = Op.LayerNormalization(a, Value.constant(Tensor.float32([2, 2], [1, 1, 1, 1])), undefined, { axis: 0 })
    close(await evaluate(whole.Mean), [2.5])
  })

  it("reductions use their axes", async () => {
    close(await evaluate(Op.ReduceSum(a)), [10])
    close(await evaluate(Op.ReduceSum(a, { axes: [0], keepdims: 0 })), [4, 6])
    close(await evaluate(Op.ReduceMean(a, { axes: [1] })), [1.5, 3.5])
    close(await evaluate(Op.ReduceMax(a, { axes: [0] })), [3, 4])
  })

  it("shaping operators use axis, perm, value and type", async () => {
    close(await evaluate(Op.Concat([a, b], { axis: 1 })), [1, 2, 5, 6, 3, 4, 7, 8])
    close(await evaluate(Op.Concat([a, b], { axis: 0 })), [1, 2, 3, 4, 5, 6, 7, 8])
    close(await evaluate(Op.Transpose(a, { perm: [1, 0] })), [1, 3, 2, 4])
    close(await evaluate(Op.Slice(a, { starts: [1], ends: [2], axes: [1] })), [2, 4])
    close(await evaluate(Op.ConstantOfShape([2], "float32", 2.5)), [2.5, 2.5])
    close(await evaluate(Op.Cast(Value.constant(Tensor.float32([2], [1.7, -1.7])), "int32")), [1, -1])
    close(
      await evaluate(Op.Shape(Value.constant(Tensor.float32([1, 2, 3], [1, 2, 3, 4, 5, 6])), { start: 1, end: 3 })),
      [2, 3],
    )
    close(await evaluate(Op.Range(5, 0, -2)), [5, 3, 1])
  })

  it("indexing operators use axis and reduction", async () => {
    close(await evaluate(Op.Gather(a, Value.ints([1, 0]))), [3, 4, 1, 2])
    close(await evaluate(Op.Gather(a, Value.ints([1, 0]), { axis: 1 })), [2, 1, 4, 3])
    close(await evaluate(Op.GatherElements(a, indices([[1], [0]]), { axis: 1 })), [2, 3])
    close(await evaluate(Op.GatherElements(a, indices([[1, 0]]))), [3, 2])
    const twice = indices([
      [0, 0],
      [0, 1],
    ])
    close(await evaluate(Op.ScatterElements(a, twice, b, { axis: 1, reduction: "add" })), [12, 2, 10, 12])
    close(await evaluate(Op.ScatterElements(a, twice, b, { reduction: "add" })), [13, 8, 3, 12])
    close(await evaluate(Op.ScatterElements(a, indices([[1, 0]]), matrix([[9, 10]]))), [1, 10, 9, 4])
    close(await evaluate(Op.ScatterND(a, indices([[1]]), matrix([[9, 10]]))), [1, 2, 9, 10])
  })
})
