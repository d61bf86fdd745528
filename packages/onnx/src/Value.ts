/**
 * A symbolic ONNX value: its type, and what made it. Values are the graph: there is no builder to fill. A value holds
 * on to the node it comes from, that node to its inputs, and Graph.make collects what some outputs need.
 *
 * Two values are the same when their `origin` is the same object; names are only hints for readers.
 */
import type { DataType } from "./DataType.ts"
import * as Dimension from "./Dimension.ts"
import { GraphError } from "./Errors.ts"
import type { Node } from "./Node.ts"
import * as Shape from "./Shape.ts"
import * as Tensor from "./Tensor.ts"
import * as Type from "./Type.ts"

/** What made a value. The object itself is the value's identity: use it as a Map key. */
export type Origin =
  | { readonly kind: "input"; readonly name: string }
  /** A constant stored in the graph; without a name it gets one from the graph. */
  | { readonly kind: "initializer"; readonly name: string | undefined; readonly tensor: Tensor.Tensor }
  | { readonly kind: "node"; readonly node: Node; readonly index: number }

export interface Value extends Type.Type {
  readonly origin: Origin
  /** The name readers should see, when it comes from a node. */
  readonly hint: string | undefined
}

/** Longer constants carry data, not shapes. */
const mostKnown = 64

/** A graph input: weights that train, batches. */
export const input = (name: string, dtype: DataType, shape: Shape.Shape): Value => {
  if (!shape.every(Dimension.isValid)) {
    throw new GraphError({
      where: `input ${JSON.stringify(name)}`,
      expected: `dimensions that are lengths or names such as "batch" or "batch*tokens"`,
      got: Shape.text(shape),
      advice: "",
    })
  }
  return { ...Type.make(dtype, Shape.canonical(shape)), origin: { kind: "input", name }, hint: undefined }
}

/** A tensor stored in the graph under a name: frozen weights. */
export const initializer = (name: string, tensor: Tensor.Tensor): Value => stored(name, tensor)

/** A tensor stored in the graph, named by it; equal small constants are stored once. */
export const constant = (tensor: Tensor.Tensor): Value => stored(undefined, tensor)

/** A constant of shape `[]`. */
export const scalar = (dtype: DataType, number: number): Value => constant(Tensor.scalar(dtype, number))

/** A constant int64 vector: axes, shapes. */
export const ints = (numbers: ReadonlyArray<number>): Value => constant(Tensor.int64([numbers.length], numbers))

/** The same value, shown under this name in the text form and in errors. */
export const named = (value: Value, hint: string): Value => ({ ...value, hint })

/** Whether two values are one: the same output of the same node, the same input, the same constant. */
export const same = (a: Value, b: Value): boolean => a.origin === b.origin

/** `float32[batch, 12] (query)` */
export const text = (value: Value): string => {
  const name = value.origin.kind === "node" ? value.hint : value.origin.name
  const contents =
    value.origin.kind === "initializer" && value.known !== undefined ? ` = ${value.known.join(", ")}` : ""
  return `${Type.text(value)}${contents}${name === undefined ? "" : ` (${name})`}`
}

const stored = (name: string | undefined, tensor: Tensor.Tensor): Value => {
  const carriesShape = (tensor.dtype === "int64" || tensor.dtype === "int32") && tensor.shape.length <= 1
  const known = carriesShape && tensor.data.length <= mostKnown ? Tensor.numbers(tensor) : undefined
  return {
    ...Type.make(tensor.dtype, tensor.shape, known),
    origin: { kind: "initializer", name, tensor },
    hint: undefined,
  }
}
