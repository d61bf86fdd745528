/** Many numbers in, one out, along some axes (all of them when `axes` is left out). */
import * as Attribute from "../Attribute.ts"
import * as DataType from "../DataType.ts"
import * as Operator from "../Operator.ts"
import * as Shape from "../Shape.ts"
import * as Type from "../Type.ts"

const reduce = (since: number) =>
  Operator.make({
    domain: "",
    since,
    inputs: ["data", "axes?"],
    outputs: ["reduced"],
    attributes: { keepdims: Attribute.flag(1) },
    infer: ([data, axes], { keepdims }, refuse) => {
      if (!DataType.isArithmetic(data.dtype)) throw refuse("float32, float64, int32 or int64 elements")
      const rank = data.shape.length
      const given = axes === undefined ? data.shape.map((_, axis) => axis) : Type.knownNumbers(axes)
      const reduced = given === undefined ? undefined : Shape.axes(rank, given)
      if (reduced === undefined) throw refuse(`constant, distinct axes from ${-rank} to ${rank - 1}`)
      const shape =
        keepdims === 1
          ? data.shape.map((length, axis) => (reduced.includes(axis) ? 1 : length))
          : data.shape.filter((_, axis) => !reduced.includes(axis))
      return [Type.make(data.dtype, shape)]
    },
  })

export const reductions = {
  ReduceMax: reduce(20),
  ReduceMean: reduce(18),
  ReduceSum: reduce(13),
} as const
