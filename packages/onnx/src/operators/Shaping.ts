/** The same numbers in another shape, and tensors made from shapes. */
import * as Attribute from "../Attribute.ts"
import * as DataType from "../DataType.ts"
import * as Dimension from "../Dimension.ts"
import * as Operator from "../Operator.ts"
import * as Shape from "../Shape.ts"
import * as Type from "../Type.ts"

/** From here on an end means "to the end of the axis" for ONNX's Slice. */
const unbounded = 2 ** 31 - 1

/** The contents of an input that carries a shape. */
const carried = (shape: Type.Type, refuse: Operator.Refuse): ReadonlyArray<Dimension.Dimension> => {
  if (shape.dtype !== "int64" || shape.shape.length !== 1) throw refuse("a shape: an int64 vector")
  if (shape.known === undefined) {
    throw refuse("a shape whose contents are known", "Build it from numbers and Shape of other values.")
  }
  return shape.known
}

export const shaping = {
  /** The lengths along `axis` must be numbers: a sum of named lengths has no name. */
  Concat: Operator.make({
    domain: "",
    since: 13,
    inputs: [] as ReadonlyArray<string>,
    outputs: ["concat_result"],
    attributes: { axis: Attribute.givenInt },
    infer: (inputs, attributes, refuse) => {
      const [first] = inputs
      if (first === undefined) throw refuse("at least one input")
      const rank = first.shape.length
      const axis = Shape.axis(rank, attributes.axis)
      if (axis === undefined) throw refuse(`an axis from ${-rank} to ${rank - 1}`)
      let total = 0
      for (const { dtype, shape } of inputs) {
        if (dtype !== first.dtype) throw refuse("inputs of one data type")
        const agrees = shape.length === rank && shape.every((length, at) => at === axis || length === first.shape[at])
        if (!agrees) throw refuse(`inputs that differ only along axis ${axis}`)
        const length = shape[axis]!
        if (typeof length === "string") throw refuse(`lengths along axis ${axis} that are numbers`)
        total += length
      }
      const known = inputs.every((input) => input.known !== undefined)
        ? inputs.flatMap((input) => input.known!)
        : undefined
      return [Type.make(first.dtype, first.shape.with(axis, total), known)]
    },
  }),
  /** `value` is a tensor of one element. */
  ConstantOfShape: Operator.make({
    domain: "",
    since: 20,
    inputs: ["input"],
    outputs: ["output"],
    attributes: { value: Attribute.tensor },
    infer: ([shape], { value }, refuse) => {
      if (value.shape.length !== 1 || value.shape[0] !== 1) throw refuse("a value of shape [1]")
      return [Type.make(value.dtype, carried(shape, refuse))]
    },
  }),
  Expand: Operator.make({
    domain: "",
    since: 13,
    inputs: ["input", "shape"],
    outputs: ["output"],
    attributes: {},
    infer: ([x, target], _attributes, refuse) => {
      const shape = Shape.broadcast(x.shape, carried(target, refuse))
      if (shape === undefined) throw refuse("an input that broadcasts to the shape")
      return [Type.make(x.dtype, shape)]
    },
  }),
  /** start, start + delta, … below limit, as scalars whose contents are known. */
  Range: Operator.make({
    domain: "",
    since: 11,
    inputs: ["start", "limit", "delta"],
    outputs: ["output"],
    attributes: {},
    infer: ([start, limit, delta], _attributes, refuse) => {
      if (start.dtype !== limit.dtype || limit.dtype !== delta.dtype || !DataType.isInteger(start.dtype)) {
        throw refuse("integer scalars of one data type")
      }
      const [[from], [to], [by]] = [start.known ?? [], limit.known ?? [], delta.known ?? []]
      if (from === undefined || to === undefined || by === undefined) throw refuse("scalars whose contents are known")
      if (typeof from === "number" && typeof to === "number" && typeof by === "number") {
        if (by === 0) throw refuse("a delta other than 0")
        return [Type.make(start.dtype, [Math.max(0, Math.ceil((to - from) / by))])]
      }
      const length = from === 0 ? Dimension.quotient(to, by) : undefined
      if (length === undefined) throw refuse("start 0 and a limit that delta divides, when one of them has a name")
      return [Type.make(start.dtype, [length])]
    },
  }),
  /** Target 0 keeps the input's length at that place, −1 (once) takes what is left. */
  Reshape: Operator.make({
    domain: "",
    since: 19,
    inputs: ["data", "shape"],
    outputs: ["reshaped"],
    attributes: {},
    infer: ([x, target], _attributes, refuse) => {
      const wanted = carried(target, refuse)
      if (wanted.filter((each) => each === -1).length > 1) throw refuse("at most one -1 in the shape")
      const shape = wanted.map((each, at) => {
        if (each !== 0) return each
        const kept = x.shape[at]
        if (kept === undefined) throw refuse("0 in the shape only where the input has an axis")
        return kept
      })
      const rest = shape.indexOf(-1)
      if (rest >= 0) {
        const left = Dimension.quotient(Shape.size(x.shape), Dimension.product(shape.filter((_, at) => at !== rest)))
        if (left === undefined) throw refuse("a number of elements that the other lengths divide")
        shape[rest] = left
      }
      if (Shape.size(shape) !== Shape.size(x.shape)) throw refuse(`${Shape.size(x.shape)} elements in the new shape`)
      return [Type.make(x.dtype, shape, x.known)]
    },
  }),
  /** The lengths from axis `start` up to, not including, `end`; this is where named dimensions become numbers. */
  Shape: Operator.make({
    domain: "",
    since: 19,
    inputs: ["data"],
    outputs: ["shape"],
    attributes: { start: Attribute.int(0), end: Attribute.int(unbounded) },
    infer: ([x], { start, end }) => {
      const lengths = x.shape.slice(start, end)
      return [Type.make("int64", [lengths.length], lengths)]
    },
  }),
  /** Along axes with a named length only the whole axis can be taken: whether a part is there is not known. */
  Slice: Operator.make({
    domain: "",
    since: 13,
    inputs: ["data", "starts", "ends", "axes"],
    outputs: ["output"],
    attributes: {},
    infer: ([x, starts, ends, axesValue], _attributes, refuse) => {
      const from = Type.knownNumbers(starts)
      const to = Type.knownNumbers(ends)
      const along = Type.knownNumbers(axesValue)
      const rank = x.shape.length
      if (from === undefined || to === undefined || along === undefined || Shape.axes(rank, along) === undefined) {
        throw refuse(`constant starts, ends and distinct axes from ${-rank} to ${rank - 1}`)
      }
      if (from.length !== along.length || to.length !== along.length)
        throw refuse("one start and one end for each axis")
      const shape = [...x.shape]
      for (const [index, each] of along.entries()) {
        const axis = Shape.axis(rank, each)!
        const length = x.shape[axis]!
        if (typeof length === "number") {
          shape[axis] = Array.from({ length }).slice(from[index], to[index]).length
        } else if (from[index] !== 0 || to[index]! < unbounded) {
          throw refuse(`the whole of axis ${axis}, whose length is named`, "Take one place of it with Gather.")
        }
      }
      const known = x.shape.length === 1 && along.length === 1 ? x.known?.slice(from[0], to[0]) : undefined
      return [Type.make(x.dtype, shape, known)]
    },
  }),
  Squeeze: Operator.make({
    domain: "",
    since: 13,
    inputs: ["data", "axes"],
    outputs: ["squeezed"],
    attributes: {},
    infer: ([x, axesValue], _attributes, refuse) => {
      const given = Type.knownNumbers(axesValue)
      const axes = given === undefined ? undefined : Shape.axes(x.shape.length, given)
      if (axes === undefined || !axes.every((axis) => x.shape[axis] === 1)) {
        throw refuse("constant, distinct axes of length 1")
      }
      const shape = x.shape.filter((_, axis) => !axes.includes(axis))
      return [Type.make(x.dtype, shape, x.known)]
    },
  }),
  Transpose: Operator.make({
    domain: "",
    since: 13,
    inputs: ["data"],
    outputs: ["transposed"],
    attributes: { perm: Attribute.ints },
    infer: ([x], { perm }, refuse) => {
      const rank = x.shape.length
      const whole = perm.length === rank && Shape.axes(rank, perm) !== undefined && perm.every((axis) => axis >= 0)
      if (!whole) throw refuse(`perm to hold each axis from 0 to ${rank - 1} once`)
      return [
        Type.make(
          x.dtype,
          perm.map((axis) => x.shape[axis]!),
        ),
      ]
    },
  }),
  Unsqueeze: Operator.make({
    domain: "",
    since: 13,
    inputs: ["data", "axes"],
    outputs: ["expanded"],
    attributes: {},
    infer: ([x, axesValue], _attributes, refuse) => {
      const given = Type.knownNumbers(axesValue)
      const rank = x.shape.length + (given?.length ?? 0)
      const axes = given === undefined ? undefined : Shape.axes(rank, given)
      if (axes === undefined) throw refuse("constant, distinct axes of the result")
      const rest = [...x.shape]
      const shape = Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : rest.shift()!))
      return [Type.make(x.dtype, shape, shape.length <= 1 ? x.known : undefined)]
    },
  }),
} as const
