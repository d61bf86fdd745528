/**
 * The element types Thaw computes with, spelled as people say them, with ONNX's number for each
 * (`TensorProto.DataType`, onnx.proto) and the typed array that holds them.
 */

/** Element bytes and typed array of every data type; `bool` holds one byte an element, 0 or 1. */
export const dataTypes = {
  float32: { onnx: 1, bytes: 4, array: Float32Array, kind: "float" },
  float64: { onnx: 11, bytes: 8, array: Float64Array, kind: "float" },
  int8: { onnx: 3, bytes: 1, array: Int8Array, kind: "integer" },
  int32: { onnx: 6, bytes: 4, array: Int32Array, kind: "integer" },
  int64: { onnx: 7, bytes: 8, array: BigInt64Array, kind: "integer" },
  uint8: { onnx: 2, bytes: 1, array: Uint8Array, kind: "integer" },
  uint32: { onnx: 12, bytes: 4, array: Uint32Array, kind: "integer" },
  bool: { onnx: 9, bytes: 1, array: Uint8Array, kind: "bool" },
} as const

export type DataType = keyof typeof dataTypes

/** The typed array that holds elements of a data type. */
export interface Arrays {
  readonly float32: Float32Array
  readonly float64: Float64Array
  readonly int8: Int8Array
  readonly int32: Int32Array
  readonly int64: BigInt64Array
  readonly uint8: Uint8Array
  readonly uint32: Uint32Array
  readonly bool: Uint8Array
}

/** Every data type's name, in a fixed order. */
export const names = Object.keys(dataTypes) as ReadonlyArray<DataType>

export const isFloat = (dtype: DataType): boolean => dataTypes[dtype].kind === "float"
export const isInteger = (dtype: DataType): boolean => dataTypes[dtype].kind === "integer"
/** What sums, signs and choices are computed with: the kernels of the runtime take no other types for them. */
export const isArithmetic = (dtype: DataType): boolean => isFloat(dtype) || dtype === "int32" || dtype === "int64"
export const isNumeric = (dtype: DataType): boolean => dataTypes[dtype].kind !== "bool"

/** The data type with this number in `TensorProto.DataType`, if Thaw has it. */
export const fromOnnx = (onnx: number): DataType | undefined => names.find((name) => dataTypes[name].onnx === onnx)
