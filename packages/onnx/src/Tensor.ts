/** Concrete numbers with a data type and a shape: what goes into a session and comes out. */
import { createHash } from "node:crypto"
import * as DataType from "./DataType.ts"
import { TensorError } from "./Errors.ts"

/** Row-major; `data` is not copied and must not change while a session or a graph refers to it. */
export interface TensorOf<D extends DataType.DataType> {
  readonly dtype: D
  readonly shape: ReadonlyArray<number>
  readonly data: DataType.Arrays[D]
}

/** A tensor of any data type; `tensor.dtype` tells which typed array `data` is. */
export type Tensor = { readonly [D in DataType.DataType]: TensorOf<D> }[DataType.DataType]

/** The number of elements of a shape; 1 for a scalar. */
export const elements = (shape: ReadonlyArray<number>): number => shape.reduce((product, length) => product * length, 1)

/** @throws TensorError when `data` is another typed array than `dtype` needs or does not hold the shape's elements. */
export const make = <D extends DataType.DataType>(
  dtype: D,
  shape: ReadonlyArray<number>,
  data: DataType.Arrays[D],
): TensorOf<D> => {
  const { array } = DataType.dataTypes[dtype]
  if (!(data instanceof array)) {
    throw new TensorError({
      where: `Tensor.make(${dtype}, [${shape.join(", ")}])`,
      expected: `a ${array.name}`,
      got: (data as object).constructor.name,
      advice: "",
    })
  }
  if (!shape.every((length) => Number.isSafeInteger(length) && length >= 0) || data.length !== elements(shape)) {
    throw new TensorError({
      where: `Tensor.make(${dtype}, [${shape.join(", ")}])`,
      expected: `${elements(shape)} numbers for whole lengths`,
      got: `${data.length} numbers`,
      advice: "",
    })
  }
  return { dtype, shape: [...shape], data }
}

/** float32 from any numbers; a Float32Array is taken as it is, without a copy. */
export const float32 = (shape: ReadonlyArray<number>, data: Iterable<number>): TensorOf<"float32"> =>
  make("float32", shape, data instanceof Float32Array ? data : Float32Array.from(data))

/** float64 from any numbers; a Float64Array is taken as it is, without a copy. */
export const float64 = (shape: ReadonlyArray<number>, data: Iterable<number>): TensorOf<"float64"> =>
  make("float64", shape, data instanceof Float64Array ? data : Float64Array.from(data))

/** int32 from any whole numbers; an Int32Array is taken as it is, without a copy. */
export const int32 = (shape: ReadonlyArray<number>, data: Iterable<number>): TensorOf<"int32"> =>
  make("int32", shape, data instanceof Int32Array ? data : Int32Array.from(data))

/** int64 from any whole numbers; a BigInt64Array is taken as it is, without a copy. */
export const int64 = (shape: ReadonlyArray<number>, data: Iterable<number> | BigInt64Array): TensorOf<"int64"> =>
  make("int64", shape, data instanceof BigInt64Array ? data : BigInt64Array.from(data, BigInt))

/** bool from truth values. */
export const bool = (shape: ReadonlyArray<number>, data: Iterable<boolean>): TensorOf<"bool"> =>
  make("bool", shape, Uint8Array.from(data, Number))

/** A tensor of any data type from numbers; fractions are cut off for integers, `bool` is "not zero". */
export const from = (dtype: DataType.DataType, shape: ReadonlyArray<number>, numbers: Iterable<number>): Tensor => {
  switch (dtype) {
    case "float32":
      return float32(shape, numbers)
    case "float64":
      return float64(shape, numbers)
    case "int32":
      return int32(shape, numbers)
    case "int64":
      return int64(shape, Array.from(numbers, Math.trunc))
    case "bool":
      return bool(
        shape,
        Array.from(numbers, (number) => number !== 0),
      )
    case "int8":
      return make(dtype, shape, Int8Array.from(numbers))
    case "uint8":
      return make(dtype, shape, Uint8Array.from(numbers))
    case "uint32":
      return make(dtype, shape, Uint32Array.from(numbers))
  }
}

/** One number with shape `[]`. */
export const scalar = (dtype: DataType.DataType, number: number): Tensor => from(dtype, [], [number])

/** All elements the same. */
export const full = (dtype: DataType.DataType, shape: ReadonlyArray<number>, number: number): Tensor =>
  from(
    dtype,
    shape,
    Array.from({ length: elements(shape) }, () => number),
  )

/** The elements as JavaScript numbers (int64 beyond 2^53 loses digits). */
export const numbers = (tensor: Tensor): Array<number> => Array.from<number | bigint, number>(tensor.data, Number)

export const sizeBytes = (tensor: Tensor): number => tensor.data.byteLength

/** The elements' bytes in place, little-endian as every platform Node 24 runs on. */
export const bytes = (tensor: Tensor): Uint8Array =>
  new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength)

/** SHA-256 of its type, shape and bytes. */
export const digest = (tensor: Tensor): string =>
  createHash("sha256")
    .update(`${tensor.dtype} ${JSON.stringify(tensor.shape)}\n`)
    .update(bytes(tensor))
    .digest("hex")
