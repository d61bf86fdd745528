/** Softmax and layer normalisation. */
import * as Attribute from "../Attribute.ts"
import * as DataType from "../DataType.ts"
import * as Operator from "../Operator.ts"
import * as Shape from "../Shape.ts"
import * as Type from "../Type.ts"

const softmax = Operator.make({
  domain: "",
  since: 13,
  inputs: ["input"],
  outputs: ["output"],
  attributes: { axis: Attribute.int(-1) },
  infer: ([x], { axis }, refuse) => {
    if (!DataType.isFloat(x.dtype)) throw refuse("floating-point elements")
    const rank = x.shape.length
    if (Shape.axis(rank, axis) === undefined) throw refuse(`an axis from ${-rank} to ${rank - 1}`)
    return [Type.make(x.dtype, x.shape)]
  },
})

export const normalisation = {
  /** Mean and InvStdDev have length 1 along the normalised axes: what the backward pass needs. */
  LayerNormalization: Operator.make({
    domain: "",
    since: 17,
    inputs: ["X", "Scale", "B?"],
    outputs: ["Y", "Mean?", "InvStdDev?"],
    attributes: { axis: Attribute.int(-1), epsilon: Attribute.float(1e-5) },
    infer: ([x, scale, bias], attributes, refuse) => {
      const rank = x.shape.length
      const axis = Shape.axis(rank, attributes.axis)
      if (axis === undefined) throw refuse(`an axis from ${-rank} to ${rank - 1}`)
      const normalised = x.shape.slice(axis)
      for (const each of [scale, ...(bias === undefined ? [] : [bias])]) {
        if (each.dtype !== x.dtype || !DataType.isFloat(x.dtype))
          throw refuse("floating-point operands of one data type")
        if (!Shape.equal(each.shape, normalised)) throw refuse(`Scale and B of shape ${Shape.text(normalised)}`)
      }
      // Statistics are float32 whatever X is: the default stash_type.
      const statistics = Type.make(
        "float32",
        x.shape.map((length, at) => (at < axis ? length : 1)),
      )
      return [Type.make(x.dtype, x.shape), statistics, statistics]
    },
  }),
  LogSoftmax: softmax,
  Softmax: softmax,
} as const
