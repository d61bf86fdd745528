/** Kinds of operator attributes: the TypeScript type of the value, its default and how ONNX stores it. */
import type { DataType } from "./DataType.ts"
import type { Tensor } from "./Tensor.ts"

/** `V` is the attribute's type; `D` is `undefined` when the attribute has no default and must be given. */
export interface Attribute<V, D extends V | undefined = V | undefined> {
  /** Which field of `AttributeProto` holds it; a `dtype` is stored as the number of a data type. */
  readonly kind: "float" | "int" | "ints" | "string" | "dtype" | "tensor"
  readonly default: D
  /** Never there: it only carries `V`, so that a row's attributes are typed from its declaration. */
  readonly value?: V
}

export type AttributeValue = number | string | ReadonlyArray<number> | Tensor

export const float = (byDefault: number): Attribute<number, number> => ({ kind: "float", default: byDefault })

export const int = (byDefault: number): Attribute<number, number> => ({ kind: "int", default: byDefault })

/** A whole number that must be given. */
export const givenInt: Attribute<number, undefined> = { kind: "int", default: undefined }

/** ONNX's spelling of a truth value. */
export const flag = (byDefault: 0 | 1): Attribute<0 | 1, 0 | 1> => ({ kind: "int", default: byDefault })

export const ints: Attribute<ReadonlyArray<number>, undefined> = { kind: "ints", default: undefined }

/** One of a few words; the first is the default. */
export const oneOf = <const W extends string>(first: W, ..._others: ReadonlyArray<W>): Attribute<W, W> => ({
  kind: "string",
  default: first,
})

export const dtype: Attribute<DataType, undefined> = { kind: "dtype", default: undefined }

export const tensor: Attribute<Tensor, undefined> = { kind: "tensor", default: undefined }
