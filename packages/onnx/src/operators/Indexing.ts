/**
 * Reading and writing at places given by other tensors. Indices may be negative (from the end) and must exist.
 *
 * ScatterND has no `reduction` here: with duplicate indices and more than one thread onnxruntime's adds race with each
 * other, so the wrong sums could be different every run. Sums by index go through ScatterElements, which is right.
 */
import * as Attribute from "../Attribute.ts"
import * as DataType from "../DataType.ts"
import type { Dimension } from "../Dimension.ts"
import * as Operator from "../Operator.ts"
import * as Shape from "../Shape.ts"
import * as Type from "../Type.ts"

const isIndex = ({ dtype }: Type.Type): boolean => dtype === "int32" || dtype === "int64"

/** Whether an axis of the indices is surely no longer than the data's. */
const within = (indices: Dimension, data: Dimension): boolean =>
  indices === data || indices === 1 || (typeof indices === "number" && typeof data === "number" && indices <= data)

/** The axis of an element-by-element operator, whose indices have the data's rank. */
const alongAxis = (data: Type.Type, indices: Type.Type, index: number, refuse: Operator.Refuse): void => {
  const rank = data.shape.length
  const axis = Shape.axis(rank, index)
  if (axis === undefined) throw refuse(`an axis from ${-rank} to ${rank - 1}`)
  if (!isIndex(indices)) throw refuse("int32 or int64 indices")
  const fits =
    indices.shape.length === rank && indices.shape.every((length, at) => at === axis || within(length, data.shape[at]!))
  if (!fits) throw refuse(`indices with the data's rank, no longer than the data except along axis ${axis}`)
}

export const indexing = {
  /** Whole slices along `axis`: data's shape with that axis replaced by the shape of the indices. */
  Gather: Operator.make({
    domain: "",
    since: 13,
    inputs: ["data", "indices"],
    outputs: ["output"],
    attributes: { axis: Attribute.int(0) },
    infer: ([data, indices], attributes, refuse) => {
      const rank = data.shape.length
      const axis = Shape.axis(rank, attributes.axis)
      if (axis === undefined) throw refuse(`an axis from ${-rank} to ${rank - 1}`)
      if (!isIndex(indices)) throw refuse("int32 or int64 indices")
      const shape = data.shape.toSpliced(axis, 1, ...indices.shape)
      const picked = data.known === undefined ? undefined : Type.knownNumbers(indices)
      const known = picked?.map((index) => data.known?.at(index))
      if (known?.some((each) => each === undefined) === true) throw refuse("indices that exist")
      return [Type.make(data.dtype, shape, known as ReadonlyArray<Dimension> | undefined)]
    },
  }),
  /** Single elements: `output[i][j] = data[indices[i][j]][j]` for axis 0. */
  GatherElements: Operator.make({
    domain: "",
    since: 13,
    inputs: ["data", "indices"],
    outputs: ["output"],
    attributes: { axis: Attribute.int(0) },
    infer: ([data, indices], { axis }, refuse) => {
      alongAxis(data, indices, axis, refuse)
      return [Type.make(data.dtype, indices.shape)]
    },
  }),
  /** `output = data; output[indices[i][j]][j] = updates[i][j]` for axis 0, or `+=` with reduction `add`. */
  ScatterElements: Operator.make({
    domain: "",
    since: 18,
    inputs: ["data", "indices", "updates"],
    outputs: ["output"],
    attributes: { axis: Attribute.int(0), reduction: Attribute.oneOf("none", "add") },
    infer: ([data, indices, updates], { axis, reduction }, refuse) => {
      alongAxis(data, indices, axis, refuse)
      if (updates.dtype !== data.dtype || !Shape.equal(updates.shape, indices.shape)) {
        throw refuse("updates of the data's type and the indices' shape")
      }
      if (reduction === "add" && !DataType.isNumeric(data.dtype)) throw refuse("numeric elements to add")
      return [Type.make(data.dtype, data.shape)]
    },
  }),
  /** `output = data; output[indices[i]] = updates[i]`: whole slices; equal indices are not allowed. */
  ScatterND: Operator.make({
    domain: "",
    since: 18,
    inputs: ["data", "indices", "updates"],
    outputs: ["output"],
    attributes: {},
    infer: ([data, indices, updates], _attributes, refuse) => {
      const depth = indices.shape.at(-1)
      if (indices.dtype !== "int64" || typeof depth !== "number" || depth < 1 || depth > data.shape.length) {
        throw refuse("int64 indices whose last axis has at most the data's rank")
      }
      const shape = [...indices.shape.slice(0, -1), ...data.shape.slice(depth)]
      if (updates.dtype !== data.dtype || !Shape.equal(updates.shape, shape)) {
        throw refuse(`updates of the data's type and shape ${Shape.text(shape)}`)
      }
      return [Type.make(data.dtype, data.shape)]
    },
  }),
} as const
