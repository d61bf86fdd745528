/**
 * Undoing a broadcast: where an operand was repeated, its gradient is the sum over the repetitions.
 *
 *     operand [hidden]      g [batch, tokens, hidden]     sum over batch and tokens: column sums of a matrix
 *     operand [tokens, 1]   g [batch, tokens, hidden]     sum over batch and hidden
 *
 * Column sums are a product with a row of ones: onnxruntime's matrix products use all threads and ReduceSum along the
 * leading axes less so. The order in which a product adds up a column does not depend on the number of threads.
 */
import type { DataType } from "@thaw/onnx/DataType"
import type * as Dimension from "@thaw/onnx/Dimension"
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Shape from "@thaw/onnx/Shape"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"

/** Rows of ones by data type and length: equal names are equal lengths, so one row serves every sum over it. */
export type Ones = Map<string, Value.Value>

/** Whether a gradient of this shape can be one of an operand of that shape. */
export const fits = (g: Shape.Shape, operand: Shape.Shape): boolean => {
  const shape = Shape.broadcast(g, operand)
  return shape !== undefined && Shape.equal(shape, g)
}

/** The gradient in the operand's shape. */
export const undo = (g: Value.Value, operand: Shape.Shape, ones: Ones): Value.Value => {
  if (Shape.equal(g.shape, operand)) return g
  const added = g.shape.length - operand.length
  const repeated = g.shape.flatMap((length, axis) => (axis < added || length !== operand[axis - added] ? [axis] : []))
  const columns = operand.slice(repeated.length - added)
  return isColumnSum(g.shape, repeated, columns)
    ? Op.Reshape(columnSums(g, Number(Shape.size(columns)), ones), operand.map(Number))
    : sums(g, repeated, added)
}

/** Whether exactly the first axes are summed and what is left is a row of more than one number. */
const isColumnSum = (g: Shape.Shape, repeated: ReadonlyArray<number>, columns: Shape.Shape): boolean =>
  repeated.every((axis, at) => axis === at) &&
  repeated.length < g.length &&
  columns.every((length) => typeof length === "number") &&
  Number(Shape.size(columns)) > 1

/** [rows…, columns…] → [1, columns] */
const columnSums = (g: Value.Value, columns: number, ones: Ones): Value.Value => {
  const matrix = g.shape.length === 2 ? g : Op.Reshape(g, [-1, columns])
  return Op.Gemm(rowOfOnes(matrix, ones), matrix)
}

/** [1, rows] for a matrix of [rows, columns]. */
const rowOfOnes = (matrix: Value.Value, ones: Ones): Value.Value => {
  const rows = matrix.shape[0]!
  const key = `${matrix.dtype} ${rows}`
  const found = ones.get(key)
  if (found !== undefined) return found
  const made = makeRow(matrix, rows, matrix.dtype)
  ones.set(key, made)
  return made
}

const makeRow = (matrix: Value.Value, rows: Dimension.Dimension, dtype: DataType): Value.Value =>
  typeof rows === "number"
    ? Value.constant(Tensor.full(dtype, [1, rows], 1))
    : Op.ConstantOfShape([1, Extent.of(matrix, 0)], dtype, 1)

const sums = (g: Value.Value, repeated: ReadonlyArray<number>, added: number): Value.Value => {
  const whole = Op.ReduceSum(g, { axes: repeated })
  return added === 0 ? whole : Op.Squeeze(whole, { axes: repeated.slice(0, added) })
}
