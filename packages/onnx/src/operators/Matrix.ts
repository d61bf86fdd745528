/** Matrix products. */
import * as Attribute from "../Attribute.ts"
import * as DataType from "../DataType.ts"
import * as Operator from "../Operator.ts"
import * as Shape from "../Shape.ts"
import * as Type from "../Type.ts"

/** The shape without its last two axes, and those two, swapped when `transposed`. */
const matrix = (shape: Shape.Shape, transposed: 0 | 1) => {
  const [rows, columns] = shape.slice(-2)
  return transposed === 1
    ? { stack: shape.slice(0, -2), rows: columns!, columns: rows! }
    : { stack: shape.slice(0, -2), rows: rows!, columns: columns! }
}

/** [… , m, k] × [… , k, n] → [… , m, n] with the leading axes broadcast. */
const stacked = (
  a: Type.Type,
  b: Type.Type,
  transposes: { readonly transA: 0 | 1; readonly transB: 0 | 1 },
  refuse: Operator.Refuse,
): Type.Type => {
  if (a.dtype !== b.dtype || !DataType.isFloat(a.dtype)) throw refuse("floating-point operands of one data type")
  if (a.shape.length < 2 || b.shape.length < 2) throw refuse("at least two axes in each operand")
  const left = matrix(a.shape, transposes.transA)
  const right = matrix(b.shape, transposes.transB)
  if (left.columns !== right.rows) {
    throw refuse(`equal inner dimensions, not ${left.columns} and ${right.rows}`)
  }
  const stack = Shape.broadcast(left.stack, right.stack)
  if (stack === undefined) throw refuse("leading axes that broadcast")
  return Type.make(a.dtype, [...stack, left.rows, right.columns])
}

export const matrices = {
  /** com.microsoft: alpha · A'·B' where ' transposes the last two axes; runs at the speed of MatMul. */
  FusedMatMul: Operator.make({
    domain: "com.microsoft",
    since: 1,
    inputs: ["A", "B"],
    outputs: ["Y"],
    attributes: { alpha: Attribute.float(1), transA: Attribute.flag(0), transB: Attribute.flag(0) },
    infer: ([a, b], attributes, refuse) => [stacked(a, b, attributes, refuse)],
  }),
  /** alpha · A'·B' + beta · C on matrices; C broadcasts one way, to the product's shape. */
  Gemm: Operator.make({
    domain: "",
    since: 13,
    inputs: ["A", "B", "C?"],
    outputs: ["Y"],
    attributes: {
      alpha: Attribute.float(1),
      beta: Attribute.float(1),
      transA: Attribute.flag(0),
      transB: Attribute.flag(0),
    },
    infer: ([a, b, c], attributes, refuse) => {
      if (a.shape.length !== 2 || b.shape.length !== 2) throw refuse("two matrices", "Use MatMul for more axes.")
      const product = stacked(a, b, attributes, refuse)
      if (c !== undefined) {
        if (c.dtype !== a.dtype) throw refuse("floating-point operands of one data type")
        const shape = Shape.broadcast(product.shape, c.shape)
        if (shape === undefined || !Shape.equal(shape, product.shape)) {
          throw refuse(`C that broadcasts to ${Shape.text(product.shape)}`)
        }
      }
      return [product]
    },
  }),
  MatMul: Operator.make({
    domain: "",
    since: 13,
    inputs: ["A", "B"],
    outputs: ["Y"],
    attributes: {},
    infer: ([a, b], _attributes, refuse) => [stacked(a, b, { transA: 0, transB: 0 }, refuse)],
  }),
} as const
