/**
 * How each operator is spelled for the WebGPU provider of onnxruntime 1.30: as it is, with other operators, or not at
 * all. Found by running every operator there with the processor forbidden (test/runners/DeviceGraph.test.ts does it).
 */
import type { DataType } from "@thaw/onnx/DataType"
import type { Dimension } from "@thaw/onnx/Dimension"
import { apply, type Inputs } from "@thaw/onnx/Node"
import * as Op from "@thaw/onnx/Op"
import type { Attributes, OperatorName } from "@thaw/onnx/Operators"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"

type V = Value.Value

/** What a node's only output becomes. */
export type Spelling<N extends OperatorName> = (inputs: Inputs<N>, attributes: Attributes<N>, scalar: Scalar) => V

/** A scalar of this length, for operators that take one in main memory. */
export type Scalar = (dtype: DataType, length: Dimension) => V

/** `same`: the provider has it. `none`: it has nothing of the kind. */
export const spellings: { readonly [N in OperatorName]: "same" | "none" | Spelling<N> } = {
  Abs: "same",
  Add: "same",
  And: "same",
  Cast: "same",
  Concat: "same",
  // The number, repeated.
  ConstantOfShape: ([shape], { value }) => {
    const number = Value.constant(Tensor.make(value.dtype, [1], value.data) as Tensor.Tensor)
    return shape.shape[0] === 0 ? Op.Squeeze(number, { axes: [0] }) : Op.Expand(number, shape)
  },
  Div: "same",
  DynamicQuantizeLinear: "none",
  Equal: "same",
  Erf: "same",
  Exp: "same",
  Expand: "same",
  // The scale goes onto the product: the runtime puts it into the next elementwise operator where there is one.
  FusedMatMul: ([a, b], { alpha, transA, transB }) => {
    const product = Op.MatMul(transA === 1 ? transposed(a) : a, transB === 1 ? transposed(b) : b)
    return alpha === 1 ? product : Op.Mul(product, alpha)
  },
  Gather: "same",
  GatherElements: "same",
  Gelu: "same",
  Gemm: "same",
  Greater: "same",
  GreaterOrEqual: "same",
  Identity: "same",
  LayerNormalization: "same",
  Less: "same",
  LessOrEqual: "same",
  Log: "same",
  // x − max − log Σ exp(x − max)
  LogSoftmax: ([x], { axis }) => {
    const low = Op.Sub(x, Op.ReduceMax(x, { axes: [axis] }))
    return Op.Sub(low, Op.Log(Op.ReduceSum(Op.Exp(low), { axes: [axis] })))
  },
  MatMul: "same",
  MatMulInteger: "none",
  Max: "same",
  Min: "same",
  Mul: "same",
  Neg: "same",
  Not: "same",
  // De Morgan
  Or: ([a, b]) => Op.Not(Op.And(Op.Not(a), Op.Not(b))),
  // The device counts in int32.
  Range: ([start, limit, delta], _, scalar) => {
    const [from, to, by] = [start, limit, delta].map(({ known }) => scalar("int32", known![0]!))
    return apply("Range", [from!, to!, by!], {})[0]
  },
  Reciprocal: "same",
  ReduceMax: "same",
  ReduceMean: "same",
  ReduceSum: "same",
  Relu: "same",
  Reshape: "same",
  ScatterElements: ([data, indices, updates], attributes) => added(data, indices, updates, attributes),
  ScatterND: "same",
  Shape: "same",
  Sigmoid: "same",
  Slice: "same",
  Softmax: "same",
  Sqrt: "same",
  Squeeze: "same",
  Sub: "same",
  Tanh: "same",
  Transpose: "same",
  Unsqueeze: "same",
  Where: "same",
}

const transposed = (x: V): V => {
  const axes = x.shape.map((_, axis) => axis)
  return Op.Transpose(x, { perm: [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!] })
}

/**
 * Sums by index. The device adds in whatever order its threads come, so equal updates would give other bits from run to
 * run. Where rows are added, which is how an embedding gets its gradient, every row is summed over all of its index first,
 * by a product: all that is then written to a place is the same, whoever writes last.
 *
 *     same [n, n]: 1 where two rows have one index          written = same · updates + what was there
 */
const added = (data: V, indices: V, updates: V, { axis, reduction }: Attributes<"ScatterElements">): V => {
  const rows = reduction === "add" && axis === 0 && data.shape.length === 2 ? rowsOf(indices) : undefined
  if (rows === undefined) return Op.ScatterElements(data, indices, updates, { axis, reduction })
  const same = Op.Cast(Op.Equal(rows, Op.Reshape(rows, [1, -1])), updates.dtype)
  const written = Op.Add(Op.MatMul(same, updates), Op.GatherElements(data, indices, { axis: 0 }))
  return Op.ScatterElements(data, indices, written, { axis: 0 })
}

/** One index for each row, [n, 1], where indices are that, repeated along the row. */
const rowsOf = ({ origin }: V): V | undefined => {
  if (origin.kind !== "node" || origin.node.operator !== "Expand") return undefined
  const [rows] = origin.node.inputs
  return rows.shape.length === 2 && rows.shape[1] === 1 ? rows : undefined
}
