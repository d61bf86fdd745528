/**
 * Every operator as a function, spelled as ONNX spells it. Shapes and data types are inferred at once; a GraphError names
 * the operator, what it expected and what it got.
 *
 * Where ONNX takes a small constant tensor (axes, shapes) these take numbers, or lengths of other values (Extent), and
 * where it takes two operands one of them may be a number, which becomes a constant of the other's data type.
 */
import type { DataType } from "./DataType.ts"
import * as Dimension from "./Dimension.ts"
import { GraphError } from "./Errors.ts"
import * as Extent from "./Extent.ts"
import { apply } from "./Node.ts"
import type { Options } from "./Operators.ts"
import * as Tensor from "./Tensor.ts"
import * as Value from "./Value.ts"

type V = Value.Value

/** A value, or a number that takes the other operand's data type. */
export type Operand = V | number

const operands = (a: Operand, b: Operand): readonly [V, V] => {
  if (typeof a !== "number") return [a, typeof b === "number" ? Value.scalar(a.dtype, b) : b]
  return typeof b === "number"
    ? [Value.scalar("float32", a), Value.scalar("float32", b)]
    : [Value.scalar(b.dtype, a), b]
}

// Elementwise

export const Abs = (x: V): V => apply("Abs", [x], {})[0]
export const Add = (a: Operand, b: Operand): V => apply("Add", operands(a, b), {})[0]
export const Div = (a: Operand, b: Operand): V => apply("Div", operands(a, b), {})[0]
export const Erf = (x: V): V => apply("Erf", [x], {})[0]
export const Exp = (x: V): V => apply("Exp", [x], {})[0]
export const Gelu = (x: V, options: Options<"Gelu"> = {}): V => apply("Gelu", [x], options)[0]
export const Identity = (x: V): V => apply("Identity", [x], {})[0]
export const Log = (x: V): V => apply("Log", [x], {})[0]
export const Max = (a: Operand, b: Operand): V => apply("Max", operands(a, b), {})[0]
export const Min = (a: Operand, b: Operand): V => apply("Min", operands(a, b), {})[0]
export const Mul = (a: Operand, b: Operand): V => apply("Mul", operands(a, b), {})[0]
export const Neg = (x: V): V => apply("Neg", [x], {})[0]
export const Reciprocal = (x: V): V => apply("Reciprocal", [x], {})[0]
export const Relu = (x: V): V => apply("Relu", [x], {})[0]
export const Sigmoid = (x: V): V => apply("Sigmoid", [x], {})[0]
export const Sqrt = (x: V): V => apply("Sqrt", [x], {})[0]
export const Sub = (a: Operand, b: Operand): V => apply("Sub", operands(a, b), {})[0]
export const Tanh = (x: V): V => apply("Tanh", [x], {})[0]

// Comparison and choice

export const And = (a: V, b: V): V => apply("And", [a, b], {})[0]
export const Cast = (x: V, to: DataType): V => apply("Cast", [x], { to })[0]
export const Equal = (a: Operand, b: Operand): V => apply("Equal", operands(a, b), {})[0]
export const Greater = (a: Operand, b: Operand): V => apply("Greater", operands(a, b), {})[0]
export const GreaterOrEqual = (a: Operand, b: Operand): V => apply("GreaterOrEqual", operands(a, b), {})[0]
export const Less = (a: Operand, b: Operand): V => apply("Less", operands(a, b), {})[0]
export const LessOrEqual = (a: Operand, b: Operand): V => apply("LessOrEqual", operands(a, b), {})[0]
export const Not = (x: V): V => apply("Not", [x], {})[0]
export const Or = (a: V, b: V): V => apply("Or", [a, b], {})[0]
/** `condition ? x : y` at every place. */
export const Where = (condition: V, x: Operand, y: Operand): V => apply("Where", [condition, ...operands(x, y)], {})[0]

// Matrix products

export const FusedMatMul = (a: V, b: V, options: Options<"FusedMatMul"> = {}): V =>
  apply("FusedMatMul", [a, b], options)[0]
export const Gemm = (a: V, b: V, c?: V, options: Options<"Gemm"> = {}): V => apply("Gemm", [a, b, c], options)[0]
export const MatMul = (a: V, b: V): V => apply("MatMul", [a, b], {})[0]

// Products of small integers

export const DynamicQuantizeLinear = (x: V) => {
  const [y, yScale, yZeroPoint] = apply("DynamicQuantizeLinear", [x], {})
  return { y, yScale, yZeroPoint }
}
export const MatMulInteger = (a: V, b: V, aZeroPoint?: V, bZeroPoint?: V): V =>
  apply("MatMulInteger", [a, b, aZeroPoint, bZeroPoint], {})[0]

// Reductions

/** Without `axes` all axes are reduced. `keepdims` is 1 unless said otherwise. */
export interface Reduce {
  readonly axes?: ReadonlyArray<number> | undefined
  readonly keepdims?: 0 | 1 | undefined
}
const reduced = ({ axes }: Reduce): V | undefined => (axes === undefined ? undefined : Value.ints(axes))

export const ReduceMax = (x: V, options: Reduce = {}): V => apply("ReduceMax", [x, reduced(options)], options)[0]
export const ReduceMean = (x: V, options: Reduce = {}): V => apply("ReduceMean", [x, reduced(options)], options)[0]
export const ReduceSum = (x: V, options: Reduce = {}): V => apply("ReduceSum", [x, reduced(options)], options)[0]

// Normalisation

export const LayerNormalization = (x: V, scale: V, bias?: V, options: Options<"LayerNormalization"> = {}) => {
  const [Y, Mean, InvStdDev] = apply("LayerNormalization", [x, scale, bias], options)
  return { Y, Mean, InvStdDev }
}
export const LogSoftmax = (x: V, options: Options<"LogSoftmax"> = {}): V => apply("LogSoftmax", [x], options)[0]
export const Softmax = (x: V, options: Options<"Softmax"> = {}): V => apply("Softmax", [x], options)[0]

// Shapes

export const Concat = (values: ReadonlyArray<V>, options: Options<"Concat">): V => apply("Concat", values, options)[0]

/** A new tensor with one number everywhere. */
export const ConstantOfShape = (shape: Extent.Extents, dtype: DataType, number: number): V =>
  apply("ConstantOfShape", [Extent.vector(shape)], { value: Tensor.full(dtype, [1], number) })[0]

/** Broadcasts to a shape; a length of 1 keeps the input's. */
export const Expand = (x: V, shape: Extent.Extents): V => apply("Expand", [x, Extent.vector(shape)], {})[0]

/** Broadcasts to the shape of another value. */
export const ExpandLike = (x: V, like: V): V => Expand(x, Extent.all(like))

/** int64 `start, start + delta, …` below `limit`. */
export const Range = (start: number, limit: number | Extent.Extent, delta: number | Extent.Extent = 1): V =>
  apply("Range", [Value.scalar("int64", start), Extent.scalar(limit), Extent.scalar(delta)], {})[0]

/**
 * The same elements in another shape. In the target, the number 0 keeps the input's length at that place, −1 (once) takes
 * what is left, and an Extent takes an axis of another value, so that `[batch*tokens, hidden]` becomes
 * `[batch, tokens, heads, headSize]` with `[Extent.of(ids, 0), Extent.of(ids, 1), heads, headSize]`.
 */
export const Reshape = (x: V, target: Extent.Extents): V => {
  const shape = apply("Reshape", [x, Extent.vector(withoutShapes(x, target))], {})[0]
  if (Extent.isList(target)) checkExtents(x, target, shape)
  return shape
}

/** Reshapes to the shape of another value with as many elements. */
export const ReshapeLike = (x: V, like: V): V => Reshape(x, Extent.all(like))

/** An int64 vector of the lengths from axis `start` up to, not including, `end`. */
export const Shape = (x: V, options: Options<"Shape"> = {}): V => apply("Shape", [x], options)[0]

/** One start, end and axis for each sliced axis; negative starts and ends count from the end. */
export const Slice = (
  x: V,
  at: {
    readonly starts: ReadonlyArray<number>
    readonly ends: ReadonlyArray<number>
    readonly axes: ReadonlyArray<number>
  },
): V => apply("Slice", [x, Value.ints(at.starts), Value.ints(at.ends), Value.ints(at.axes)], {})[0]

export const Squeeze = (x: V, options: { readonly axes: ReadonlyArray<number> }): V =>
  apply("Squeeze", [x, Value.ints(options.axes)], {})[0]

export const Transpose = (x: V, options: Options<"Transpose">): V => apply("Transpose", [x], options)[0]

/** New axes of length 1; `axes` are places in the result. */
export const Unsqueeze = (x: V, options: { readonly axes: ReadonlyArray<number> }): V =>
  apply("Unsqueeze", [x, Value.ints(options.axes)], {})[0]

// Indexing

export const Gather = (x: V, indices: V, options: Options<"Gather"> = {}): V =>
  apply("Gather", [x, indices], options)[0]
export const GatherElements = (x: V, indices: V, options: Options<"GatherElements"> = {}): V =>
  apply("GatherElements", [x, indices], options)[0]
export const ScatterElements = (x: V, indices: V, updates: V, options: Options<"ScatterElements"> = {}): V =>
  apply("ScatterElements", [x, indices, updates], options)[0]
/** Writes whole slices; indices must be distinct. There is no adding form: it races (see operators/Indexing.ts). */
export const ScatterND = (x: V, indices: V, updates: V): V => apply("ScatterND", [x, indices, updates], {})[0]

/**
 * Named lengths as 0 or −1 where that says the same, since reading them with Shape costs nodes and, on a GPU, leaves the
 * device.
 */
const withoutShapes = (x: V, target: Extent.Extents): Extent.Extents => {
  if (!Extent.isList(target)) return target
  const kept = target.map((each, at) => {
    const length = Extent.dimension(each)
    if (typeof each === "number") return each
    return typeof length === "number" ? length : length === x.shape[at] ? 0 : each
  })
  const named = kept.flatMap((each, at) => (typeof each === "number" ? [] : [at]))
  return named.length === 1 && !kept.includes(-1) ? kept.with(named[0]!, -1) : kept
}

/** −1 takes whatever is left; what the target names must be just that. */
const checkExtents = (x: V, target: ReadonlyArray<number | Extent.Extent>, result: V): void => {
  const wrong = target.findIndex((each, at) => typeof each !== "number" && Extent.dimension(each) !== result.shape[at])
  if (wrong < 0) return
  const wanted = target.map(Extent.dimension)
  throw new GraphError({
    where: "Reshape",
    expected: `${Dimension.product(x.shape)} elements in the new shape`,
    got: `${Value.text(x)} and the target [${wanted.join(", ")}]`,
    advice: "",
  })
}
