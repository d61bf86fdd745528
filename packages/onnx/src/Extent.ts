/**
 * Lengths in the target of a Reshape, an Expand or a new tensor: a number, or "as long as that axis of that value".
 *
 * A named length is only a number when the graph runs, so it is read there with Shape; a length that is already a
 * number never is.
 */
import { GraphError } from "./Errors.ts"
import * as Node from "./Node.ts"
import * as Shape from "./Shape.ts"
import * as Value from "./Value.ts"

/** The length of one axis of a value. */
export interface Extent {
  readonly of: Value.Value
  /** From 0. */
  readonly axis: number
}

/** A shape: one length an axis, or an int64 vector. */
export type Extents = ReadonlyArray<number | Extent> | Value.Value

/** As long as this axis of `value` (negative counts from the last). */
export const of = (value: Value.Value, index: number): Extent => {
  const axis = Shape.axis(value.shape.length, index)
  if (axis === undefined) {
    const rank = value.shape.length
    throw new GraphError({
      where: "Extent.of",
      expected: `an axis from ${-rank} to ${rank - 1}`,
      got: `${Value.text(value)} and axis ${index}`,
      advice: "",
    })
  }
  return { of: value, axis }
}

/** Every axis of a value. */
export const all = (value: Value.Value): ReadonlyArray<Extent> => value.shape.map((_, axis) => ({ of: value, axis }))

/** The dimension an extent stands for. */
export const dimension = (extent: number | Extent): Shape.Shape[number] =>
  typeof extent === "number" ? extent : extent.of.shape[extent.axis]!

/** An int64 vector of these lengths: a constant if all are numbers, else constants and Shapes joined by Concat. */
export const vector = (extents: Extents): Value.Value => {
  if (!isList(extents)) return extents
  const parts: Array<Value.Value> = []
  for (let at = 0; at < extents.length;) {
    const end = runEnd(extents, at)
    const first = extents[at]!
    parts.push(
      typeof dimension(first) === "string" && typeof first !== "number"
        ? Node.apply("Shape", [first.of], { start: first.axis, end: first.axis + end - at })[0]
        : Value.ints(extents.slice(at, end).map((each) => Number(dimension(each)))),
    )
    at = end
  }
  const [only] = parts
  if (only === undefined) return Value.ints([])
  return parts.length === 1 ? only : Node.apply("Concat", parts, { axis: 0 })[0]
}

/** An int64 scalar of this length. */
export const scalar = (extent: number | Extent): Value.Value => {
  const length = dimension(extent)
  return typeof length === "number"
    ? Value.scalar("int64", length)
    : Node.apply("Squeeze", [vector([extent]), Value.ints([0])], {})[0]
}

export const isList = (extents: Extents): extents is ReadonlyArray<number | Extent> => Array.isArray(extents)

/** Where the run of numbers, or of neighbouring named axes of one value, that starts at `at` ends. */
const runEnd = (extents: ReadonlyArray<number | Extent>, at: number): number => {
  const first = extents[at]!
  let end = at + 1
  for (; end < extents.length; end++) {
    const next = extents[end]!
    if (typeof dimension(first) === "number") {
      if (typeof dimension(next) !== "number") break
    } else if (
      typeof first === "number" ||
      typeof next === "number" ||
      typeof dimension(next) === "number" ||
      !Value.same(next.of, first.of) ||
      next.axis !== first.axis + end - at
    ) {
      break
    }
  }
  return end
}
