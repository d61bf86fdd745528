/** Shapes with named dimensions, and ONNX's (numpy's) multidirectional broadcasting over them. */
import * as Dimension from "./Dimension.ts"

/** One dimension an axis, outermost first; `[]` is a scalar. */
export type Shape = ReadonlyArray<Dimension.Dimension>

export const equal = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((each, axis) => each === b[axis])

/** The number of elements. */
export const size = (shape: Shape): Dimension.Dimension => Dimension.product(shape)

/** `[batch, 12, tokens]` */
export const text = (shape: Shape): string => `[${shape.join(", ")}]`

/** Every shape in its one spelling (see Dimension). */
export const canonical = (shape: Shape): Shape => shape.map(Dimension.canonical)

/** The shape that all these broadcast to, aligned at the last axis; undefined when they do not. */
export const broadcast = (...shapes: ReadonlyArray<Shape>): Shape | undefined => {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  const result: Array<Dimension.Dimension> = []
  for (let axis = 0; axis < rank; axis++) {
    let length: Dimension.Dimension | undefined = 1
    for (const shape of shapes) {
      const own = shape[axis - (rank - shape.length)]
      if (own !== undefined && length !== undefined) length = Dimension.broadcast(length, own)
    }
    if (length === undefined) return undefined
    result.push(length)
  }
  return result
}

/** A negative axis counts from the end; undefined when there is no such axis. */
export const axis = (rank: number, index: number): number | undefined => {
  const from = index < 0 ? index + rank : index
  return Number.isInteger(index) && from >= 0 && from < rank ? from : undefined
}

/** Several axes at once, in ascending order; undefined when one does not exist or appears twice. */
export const axes = (rank: number, indices: ReadonlyArray<number>): ReadonlyArray<number> | undefined => {
  const found: Array<number> = []
  for (const index of indices) {
    const each = axis(rank, index)
    if (each === undefined || found.includes(each)) return undefined
    found.push(each)
  }
  return found.sort((a, b) => a - b)
}

/** The shape with its names replaced by numbers; names without a number are left. */
export const bind = (shape: Shape, lengths: Readonly<Record<string, number>>): Shape =>
  shape.map((each) => Dimension.bind(each, lengths))
