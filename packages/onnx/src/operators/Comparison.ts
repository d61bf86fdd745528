/** Truth values: comparing, combining them, choosing by them; and changing between data types. */
import * as Attribute from "../Attribute.ts"
import * as DataType from "../DataType.ts"
import * as Operator from "../Operator.ts"
import * as Type from "../Type.ts"

const compare = (since: number) =>
  Operator.make({
    domain: "",
    since,
    inputs: ["A", "B"],
    outputs: ["C"],
    attributes: {},
    infer: ([a, b], _attributes, refuse) => {
      if (a.dtype !== b.dtype || !DataType.isNumeric(a.dtype)) throw refuse("numeric operands of one data type")
      return [Type.make("bool", Operator.broadcast(refuse, a.shape, b.shape))]
    },
  })

const logical = (since: number) =>
  Operator.make({
    domain: "",
    since,
    inputs: ["A", "B"],
    outputs: ["C"],
    attributes: {},
    infer: ([a, b], _attributes, refuse) => {
      if (a.dtype !== "bool" || b.dtype !== "bool") throw refuse("bool operands")
      return [Type.make("bool", Operator.broadcast(refuse, a.shape, b.shape))]
    },
  })

export const comparison = {
  And: logical(7),
  Cast: Operator.make({
    domain: "",
    since: 19,
    inputs: ["input"],
    outputs: ["output"],
    attributes: { to: Attribute.dtype },
    infer: ([x], { to }) => [Type.make(to, x.shape, DataType.isInteger(to) ? x.known : undefined)],
  }),
  Equal: compare(19),
  Greater: compare(13),
  GreaterOrEqual: compare(16),
  Less: compare(13),
  LessOrEqual: compare(16),
  Not: Operator.make({
    domain: "",
    since: 1,
    inputs: ["X"],
    outputs: ["Y"],
    attributes: {},
    infer: ([x], _attributes, refuse) => {
      if (x.dtype !== "bool") throw refuse("bool elements")
      return [Type.make("bool", x.shape)]
    },
  }),
  Or: logical(7),
  Where: Operator.make({
    domain: "",
    since: 16,
    inputs: ["condition", "X", "Y"],
    outputs: ["output"],
    attributes: {},
    infer: ([condition, x, y], _attributes, refuse) => {
      if (condition.dtype !== "bool" || x.dtype !== y.dtype || !DataType.isArithmetic(x.dtype))
        throw refuse("a bool condition and two values of one data type: float32, float64, int32 or int64")
      return [Type.make(x.dtype, Operator.broadcast(refuse, condition.shape, x.shape, y.shape))]
    },
  }),
} as const
