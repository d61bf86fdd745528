/**
 * What is known about a value before anything runs: its data type, its shape and, for the small integer vectors that
 * carry shapes, its contents. Knowing contents is what lets a Reshape or an Expand take its target from another
 * value's Shape and still have every dimension named.
 */
import type { DataType } from "./DataType.ts"
import type { Dimension } from "./Dimension.ts"
import * as Shape from "./Shape.ts"

export interface Type {
  readonly dtype: DataType
  readonly shape: Shape.Shape
  /** The elements of an integer scalar or vector, when they follow from constants and shapes. */
  readonly known?: ReadonlyArray<Dimension> | undefined
}

export const make = (dtype: DataType, shape: Shape.Shape, known?: ReadonlyArray<Dimension>): Type =>
  known === undefined ? { dtype, shape } : { dtype, shape, known }

/** `float32[batch, 12]` */
export const text = (type: Type): string => `${type.dtype}${Shape.text(type.shape)}`

/** Known contents as plain numbers; undefined when they are unknown or one of them has a name. */
export const knownNumbers = (type: Type | undefined): ReadonlyArray<number> | undefined =>
  type?.known?.every((each) => typeof each === "number") === true ? type.known : undefined
