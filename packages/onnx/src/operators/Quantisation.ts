/** Products of small integers in place of floating-point numbers. */
import type * as DataType from "../DataType.ts"
import * as Operator from "../Operator.ts"
import * as Shape from "../Shape.ts"
import * as Type from "../Type.ts"

const isByte = (dtype: DataType.DataType): boolean => dtype === "uint8" || dtype === "int8"

export const quantisation = {
  /**
   * y = saturate(round(x / y_scale) + y_zero_point) over 0 … 255, where scale and zero point are such that the range of all
   * of x, with 0, just fits in.
   */
  DynamicQuantizeLinear: Operator.make({
    domain: "",
    since: 11,
    inputs: ["x"],
    outputs: ["y", "y_scale", "y_zero_point"],
    attributes: {},
    infer: ([x], _attributes, refuse) => {
      if (x.dtype !== "float32") throw refuse("float32 elements")
      return [Type.make("uint8", x.shape), Type.make("float32", []), Type.make("uint8", [])]
    },
  }),
  /** (A − a_zero_point) · (B − b_zero_point) on matrices, summed in int32. */
  MatMulInteger: Operator.make({
    domain: "",
    since: 10,
    inputs: ["A", "B", "a_zero_point?", "b_zero_point?"],
    outputs: ["Y"],
    attributes: {},
    infer: ([a, b, ...zeroPoints], _attributes, refuse) => {
      if (!isByte(a.dtype) || !isByte(b.dtype)) throw refuse("uint8 or int8 operands")
      for (const [at, zeroPoint] of zeroPoints.entries()) {
        if (zeroPoint === undefined) continue
        if (zeroPoint.dtype !== [a, b][at]!.dtype) throw refuse("zero points of their operands' data types")
        if (zeroPoint.shape.length > 1) throw refuse("zero points that are one number or a vector")
      }
      if (a.shape.length !== 2 || b.shape.length !== 2) throw refuse("two matrices")
      const [rows, inner] = a.shape
      const [other, columns] = b.shape
      if (inner !== other) throw refuse(`equal inner dimensions, not ${inner} and ${other}`)
      return [Type.make("int32", Shape.canonical([rows!, columns!]))]
    },
  }),
} as const
