/** One number in, one number out, at every place; two operands broadcast. */
import * as Attribute from "../Attribute.ts"
import * as DataType from "../DataType.ts"
import * as Dimension from "../Dimension.ts"
import * as Operator from "../Operator.ts"
import * as Type from "../Type.ts"

/** Which elements an operator computes with, and how its errors call them. */
interface Elements {
  readonly allowed: (dtype: DataType.DataType) => boolean
  readonly called: string
}
const floats: Elements = { allowed: DataType.isFloat, called: "floating-point" }
const numbers: Elements = { allowed: DataType.isNumeric, called: "numeric" }
const arithmetic: Elements = { allowed: DataType.isArithmetic, called: "float32, float64, int32 or int64" }
/** The runtime has one kernel for these. */
const single: Elements = { allowed: (dtype) => dtype === "float32", called: "float32" }

const unary = (since: number, elements: Elements) =>
  Operator.make({
    domain: "",
    since,
    inputs: ["X"],
    outputs: ["Y"],
    attributes: {},
    infer: ([x], _attributes, refuse) => {
      if (!elements.allowed(x.dtype)) throw refuse(`${elements.called} elements`)
      return [Type.make(x.dtype, x.shape)]
    },
  })

/** `known` computes contents that carry shapes, where the operator does that. */
const binary = (
  since: number,
  known?: (a: Dimension.Dimension, b: Dimension.Dimension) => Dimension.Dimension | undefined,
) =>
  Operator.make({
    domain: "",
    since,
    inputs: ["A", "B"],
    outputs: ["C"],
    attributes: {},
    infer: ([a, b], _attributes, refuse) => {
      if (a.dtype !== b.dtype || !DataType.isNumeric(a.dtype)) throw refuse("numeric operands of one data type")
      const shape = Operator.broadcast(refuse, a.shape, b.shape)
      const contents =
        known !== undefined && a.known?.length === 1 && b.known?.length === 1
          ? known(a.known[0]!, b.known[0]!)
          : undefined
      return [Type.make(a.dtype, shape, contents === undefined ? undefined : [contents])]
    },
  })

export const elementwise = {
  Abs: unary(13, numbers),
  Add: binary(14),
  Div: binary(14, Dimension.quotient),
  Erf: unary(13, single),
  Exp: unary(13, floats),
  /** `tanh` is the approximation of BERT's first code; `none` is the exact form with Erf. */
  Gelu: Operator.make({
    domain: "",
    since: 20,
    inputs: ["X"],
    outputs: ["Y"],
    attributes: { approximate: Attribute.oneOf("none", "tanh") },
    infer: ([x], _attributes, refuse) => {
      if (!single.allowed(x.dtype)) throw refuse(`${single.called} elements`)
      return [Type.make(x.dtype, x.shape)]
    },
  }),
  Identity: Operator.make({
    domain: "",
    since: 19,
    inputs: ["input"],
    outputs: ["output"],
    attributes: {},
    infer: ([x]) => [x],
  }),
  Log: unary(13, floats),
  Max: binary(13),
  Min: binary(13),
  Mul: binary(14, (a, b) => Dimension.product([a, b])),
  Neg: unary(13, arithmetic),
  Reciprocal: unary(13, floats),
  Relu: unary(14, floats),
  Sigmoid: unary(13, floats),
  Sqrt: unary(13, floats),
  Sub: binary(14),
  Tanh: unary(13, floats),
} as const
