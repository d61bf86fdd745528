/**
 * Small uses of every operator, for all tests that walk the operators: inferred types against the runtime's, gradients
 * against finite differences.
 *
 * Numbers stay away from kinks and ties (0 for Abs and Relu, equal operands of Max), and within 0.3 … 1.7 in size, so
 * that central differences are good. float64 wherever the runtime's CPU kernels take it.
 */
import type { DataType } from "@thaw/onnx/DataType"
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import type { OperatorName } from "@thaw/onnx/Operators"
import * as Shape from "@thaw/onnx/Shape"
import * as Tensor from "@thaw/onnx/Tensor"
import type { Value } from "@thaw/onnx/Value"

export interface Case {
  readonly name: string
  readonly inputs: ReadonlyArray<Tensor.Tensor>
  /** The inputs' shapes with names for what may change; equal names have equal lengths. */
  readonly symbolic: ReadonlyArray<Shape.Shape>
  /** The value under test comes from the operator itself. */
  readonly build: (inputs: ReadonlyArray<Value>) => Value
}

/** A tensor, and its shape with names. */
interface Argument {
  readonly tensor: Tensor.Tensor
  readonly symbolic: Shape.Shape
}

/** Lengths that named dimensions stand for in the cases. */
export const lengths: Readonly<Record<string, number>> = { batch: 2, tokens: 3, hidden: 4 }

const numeric = (shape: Shape.Shape): ReadonlyArray<number> => Shape.bind(shape, lengths).map(Number)

/** Distinct numbers spread over [from, to] by multiples of the golden ratio; `salt` gives other ones. */
const spread = (count: number, from: number, to: number, salt: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) => from + (to - from) * (((index + 1) * 0.6180339887 + salt * 0.37) % 1))

/** Both signs, size from 0.3 to 1.7. */
const signed =
  (dtype: DataType) =>
  (shape: Shape.Shape, salt = 0): Argument => {
    const count = Tensor.elements(numeric(shape))
    const numbers = spread(count, -1.4, 1.4, salt).map((number) => number + Math.sign(number) * 0.3)
    return { tensor: Tensor.from(dtype, numeric(shape), numbers), symbolic: shape }
  }
const double = signed("float64")
const single = signed("float32")

/** From 0.3 to 1.7. */
const positive = (shape: Shape.Shape, salt = 0): Argument => {
  const count = Tensor.elements(numeric(shape))
  return { tensor: Tensor.float64(numeric(shape), spread(count, 0.3, 1.7, salt)), symbolic: shape }
}

const ints = (dtype: "int32" | "int64", shape: Shape.Shape, numbers: ReadonlyArray<number>): Argument => ({
  tensor: Tensor.from(dtype, numeric(shape), numbers),
  symbolic: shape,
})

/** Bytes of both signs, or none of them negative. */
const bytes =
  (dtype: "int8" | "uint8") =>
  (shape: Shape.Shape, salt = 0): Argument => {
    const count = Tensor.elements(numeric(shape))
    const [from, to] = dtype === "int8" ? [-128, 127] : [0, 255]
    const numbers = spread(count, from, to, salt).map(Math.round)
    return { tensor: Tensor.from(dtype, numeric(shape), numbers), symbolic: shape }
  }

/** True at every second and every fifth place. */
const truth = (shape: Shape.Shape, salt = 0): Argument => {
  const numbers = Array.from(
    { length: Tensor.elements(numeric(shape)) },
    (_, index) => (index + salt) % 2 === 0 || index % 5 === 0,
  )
  return { tensor: Tensor.bool(numeric(shape), numbers), symbolic: shape }
}

const one = (name: string, x: Argument, build: (x: Value) => Value): Case => ({
  name,
  inputs: [x.tensor],
  symbolic: [x.symbolic],
  build: ([value]) => build(value!),
})

const two = (name: string, [x, y]: readonly [Argument, Argument], build: (x: Value, y: Value) => Value): Case => ({
  name,
  inputs: [x.tensor, y.tensor],
  symbolic: [x.symbolic, y.symbolic],
  build: ([first, second]) => build(first!, second!),
})

const three = (
  name: string,
  [x, y, z]: readonly [Argument, Argument, Argument],
  build: (x: Value, y: Value, z: Value) => Value,
): Case => ({
  name,
  inputs: [x.tensor, y.tensor, z.tensor],
  symbolic: [x.symbolic, y.symbolic, z.symbolic],
  build: ([first, second, third]) => build(first!, second!, third!),
})

/** A scalar, a vector with a length of 1, and named dimensions. */
const unary = (
  build: (x: Value) => Value,
  argument: (shape: Shape.Shape, salt?: number) => Argument,
): ReadonlyArray<Case> => [
  one("of a scalar", argument([]), build),
  one("of a length of 1", argument([1, 3]), build),
  one("of named dimensions", argument(["batch", "tokens", 2]), build),
]

const binary = (
  build: (x: Value, y: Value) => Value,
  argument: (shape: Shape.Shape, salt?: number) => Argument,
): ReadonlyArray<Case> => [
  two("of equal shapes", [argument(["batch", 3]), argument(["batch", 3], 1)], build),
  two("of a matrix and a row", [argument(["batch", "hidden"]), argument(["hidden"], 1)], build),
  two("of a row and a matrix", [argument(["hidden"]), argument(["batch", "hidden"], 1)], build),
  two("of a column and a row", [argument(["batch", 1]), argument([1, "tokens"], 1)], build),
  two("of a scalar and a matrix", [argument([]), argument(["batch", 2], 1)], build),
  two("of shapes of length 1", [argument([1, 1]), argument([1], 1)], build),
  two("of an inner length of 1", [argument(["batch", 1, 2]), argument(["batch", "tokens", 2], 1)], build),
]

const matrixProducts = (build: (x: Value, y: Value) => Value): ReadonlyArray<Case> => [
  two("of matrices", [double(["batch", 3]), double([3, 4], 1)], build),
  two("of stacks", [double(["batch", 2, "tokens", 4]), double(["batch", 2, 4, "tokens"], 1)], build),
  two("of a stack and a matrix", [double(["batch", "tokens", 4]), double([4, 2], 1)], build),
  two("of a matrix and a stack", [double([3, 4]), double(["batch", 4, 2], 1)], build),
  two("of a broadcast stack", [double(["batch", 1, 2, 3]), double([1, 2, 3, 4], 1)], build),
  two("of lengths of 1", [double([1, 1]), double([1, 1], 1)], build),
]

const reduction = (reduce: (x: Value, options?: Op.Reduce) => Value): ReadonlyArray<Case> => [
  one("over all axes", double(["batch", "tokens"]), (x) => reduce(x)),
  one("over all axes, dropped", double(["batch", "tokens"]), (x) => reduce(x, { keepdims: 0 })),
  one("over the last axis", double(["batch", "tokens", 4]), (x) => reduce(x, { axes: [-1] })),
  one("over outer axes, dropped", double(["batch", "tokens", 4]), (x) => reduce(x, { axes: [1, 0], keepdims: 0 })),
  one("over a length of 1", double(["batch", 1, 2]), (x) => reduce(x, { axes: [1], keepdims: 0 })),
  one("over a middle axis", double([2, "tokens", 2]), (x) => reduce(x, { axes: [1], keepdims: 1 })),
]

const softmax = (build: (x: Value, options?: { axis?: number }) => Value): ReadonlyArray<Case> => [
  one("over the last axis", double(["batch", "tokens"]), (x) => build(x)),
  one("over the first axis", double(["batch", "tokens", 2]), (x) => build(x, { axis: 0 })),
  one("over a length of 1", double(["batch", 1]), (x) => build(x)),
]

const layerNormalization = (
  pick: (outputs: ReturnType<typeof Op.LayerNormalization>) => Value,
): ReadonlyArray<Case> => [
  three("of named rows", [single(["batch", "tokens", 4]), single([4], 1), single([4], 2)], (x, scale, bias) =>
    pick(Op.LayerNormalization(x, scale, bias, { epsilon: 1e-12 })),
  ),
  two("without a bias", [single(["batch*tokens", 4]), single([4], 1)], (x, scale) =>
    pick(Op.LayerNormalization(x, scale)),
  ),
  two("over two axes", [single(["batch", 3, 2]), single([3, 2], 1)], (x, scale) =>
    pick(Op.LayerNormalization(x, scale, undefined, { axis: 1 })),
  ),
]

const rows = [2, 0, 2, 1, 2, 0]

export const cases: Record<OperatorName, ReadonlyArray<Case>> = {
  Abs: unary(Op.Abs, double),
  Add: [...binary(Op.Add, double), one("of a number", double(["batch"]), (x) => Op.Add(2, x))],
  And: binary(Op.And, truth),
  Cast: [
    ...unary((x) => Op.Cast(x, "float32"), double),
    one("to integers", double(["batch", 3]), (x) => Op.Cast(x, "int32")),
    one("to truth", double(["batch", 3]), (x) => Op.Cast(x, "bool")),
    one("from integers", ints("int32", ["tokens"], [3, 0, 2]), (x) => Op.Cast(x, "float32")),
    one("from truth", truth(["batch", 3]), (x) => Op.Cast(x, "float64")),
    one("between floats", single(["batch", 3]), (x) => Op.Cast(x, "float64")),
  ],
  Concat: [
    two("along the first axis", [double([2, "tokens"]), double([1, "tokens"], 1)], (x, y) =>
      Op.Concat([x, y], { axis: 0 }),
    ),
    two("along the last axis", [double(["batch", 1]), double(["batch", 3], 1)], (x, y) =>
      Op.Concat([x, y], { axis: -1 }),
    ),
    three("of three", [double([1, 2]), double([1, 1], 1), double([1, 2], 2)], (x, y, z) =>
      Op.Concat([x, y, z], { axis: 1 }),
    ),
    one("of one value twice", double([2, 2]), (x) => Op.Concat([x, x], { axis: 0 })),
  ],
  ConstantOfShape: [
    one("of numbers", double(["batch"]), () => Op.ConstantOfShape([2, 3], "float32", 0.5)),
    one("as long as other values", double(["batch", "tokens"]), (x) =>
      Op.ConstantOfShape([1, Extent.of(x, 1), 2, Extent.of(x, 0)], "float64", -1),
    ),
    one("of integers", double(["batch", "tokens"]), (x) => Op.ConstantOfShape(Extent.all(x), "int64", 7)),
    one("a scalar", double([1]), () => Op.ConstantOfShape([], "float32", 3)),
  ],
  Div: binary(Op.Div, double),
  DynamicQuantizeLinear: [
    one("of a matrix", single(["batch", "tokens"]), (x) => Op.DynamicQuantizeLinear(x).y),
    one("scale of a stack", single(["batch", 2, "tokens"]), (x) => Op.DynamicQuantizeLinear(x).yScale),
    one("zero point of a vector", single(["hidden"]), (x) => Op.DynamicQuantizeLinear(x).yZeroPoint),
  ],
  Equal: binary((x, y) => Op.Equal(Op.Cast(x, "int32"), Op.Cast(y, "int32")), double),
  Erf: unary(Op.Erf, single),
  Exp: unary(Op.Exp, double),
  Expand: [
    one("a row to numbers", double([3]), (x) => Op.Expand(x, [2, 3])),
    two("to the shape of another", [double([1, "tokens", 1]), double(["batch", "tokens", 2], 1)], Op.ExpandLike),
    one("a scalar", double([]), (x) => Op.Expand(x, [2, 1])),
    one("to its own shape", double(["batch", 3]), (x) => Op.ExpandLike(x, x)),
    one("where the shape is shorter", double(["batch", 1, 2]), (x) => Op.Expand(x, [3, 1])),
  ],
  FusedMatMul: [
    ...matrixProducts(Op.FusedMatMul),
    two("with the first transposed", [double(["tokens", "batch"]), double(["tokens", 4], 1)], (x, y) =>
      Op.FusedMatMul(x, y, { transA: 1 }),
    ),
    two(
      "with the second transposed, scaled",
      [double(["batch", 2, "tokens", 4]), double(["batch", 2, "tokens", 4], 1)],
      (x, y) => Op.FusedMatMul(x, y, { transB: 1, alpha: 0.5 }),
    ),
    two("with both transposed", [double(["batch", 4, 3]), double([2, 4], 1)], (x, y) =>
      Op.FusedMatMul(x, y, { transA: 1, transB: 1 }),
    ),
    two("of a matrix transposed and a stack", [double([4, 3]), double(["batch", 4, 2], 1)], (x, y) =>
      Op.FusedMatMul(x, y, { transA: 1 }),
    ),
  ],
  Gather: [
    two("rows", [double([3, "hidden"]), ints("int32", ["batch", "tokens"], rows)], (x, at) => Op.Gather(x, at)),
    two("one place of an axis", [double(["batch", "tokens", 2]), ints("int64", [], [1])], (x, at) =>
      Op.Gather(x, at, { axis: 1 }),
    ),
    two("along the last axis", [double(["batch", 3]), ints("int64", [2], [-1, 0])], (x, at) =>
      Op.Gather(x, at, { axis: -1 }),
    ),
    two("with one index", [double([1, 2]), ints("int64", [1], [0])], (x, at) => Op.Gather(x, at)),
    one("by a range", double(["batch*tokens", 2]), (x) => Op.Gather(x, Op.Range(0, Extent.of(x, 0)))),
  ],
  GatherElements: [
    two("along the last axis", [double(["batch*tokens", 3]), ints("int64", ["batch*tokens", 1], rows)], (x, at) =>
      Op.GatherElements(x, at, { axis: -1 }),
    ),
    two("along the first axis", [double([3, 2]), ints("int32", [2, 2], [2, 0, 0, 1])], (x, at) =>
      Op.GatherElements(x, at),
    ),
    two("with an index twice", [double([1, 3]), ints("int64", [1, 4], [2, 2, 0, -1])], (x, at) =>
      Op.GatherElements(x, at, { axis: 1 }),
    ),
  ],
  Gelu: [
    ...unary((x) => Op.Gelu(x), single),
    one("by tanh", single(["batch", 3]), (x) => Op.Gelu(x, { approximate: "tanh" })),
  ],
  Gemm: [
    two("without C", [double(["batch", 3]), double([3, 2], 1)], (a, b) => Op.Gemm(a, b)),
    three("with a row", [double(["batch*tokens", 4]), double([2, 4], 1), double([2], 2)], (a, b, c) =>
      Op.Gemm(a, b, c, { transB: 1 }),
    ),
    three(
      "with a matrix, scaled",
      [double(["tokens", "batch"]), double(["tokens", 4], 1), double(["batch", 4], 2)],
      (a, b, c) => Op.Gemm(a, b, c, { transA: 1, alpha: 0.5, beta: -2 }),
    ),
    three("with a column", [double([3, 2]), double([4, 3], 1), double([2, 1], 2)], (a, b, c) =>
      Op.Gemm(a, b, c, { transA: 1, transB: 1 }),
    ),
    three("with a scalar", [double([1, 1]), double([1, 3], 1), double([], 2)], (a, b, c) => Op.Gemm(a, b, c)),
  ],
  Greater: binary(Op.Greater, double),
  GreaterOrEqual: binary(Op.GreaterOrEqual, double),
  Identity: unary(Op.Identity, double),
  LayerNormalization: [
    ...layerNormalization(({ Y }) => Y),
    ...layerNormalization(({ Mean }) => Mean).map((each) => ({ ...each, name: `mean ${each.name}` })),
    ...layerNormalization(({ InvStdDev }) => InvStdDev).map((each) => ({ ...each, name: `deviation ${each.name}` })),
  ],
  Less: binary(Op.Less, double),
  LessOrEqual: binary(Op.LessOrEqual, double),
  Log: unary(Op.Log, positive),
  LogSoftmax: softmax(Op.LogSoftmax),
  MatMul: matrixProducts(Op.MatMul),
  MatMulInteger: [
    two("of matrices", [bytes("uint8")(["batch", 3]), bytes("int8")([3, 4], 1)], Op.MatMulInteger),
    two("of unsigned matrices", [bytes("uint8")(["tokens", 4]), bytes("uint8")([4, 2], 1)], Op.MatMulInteger),
    three(
      "with a zero point",
      [bytes("uint8")(["batch", "hidden"]), bytes("int8")(["hidden", 2], 1), bytes("uint8")([], 2)],
      Op.MatMulInteger,
    ),
    three(
      "with a zero point for each column",
      [bytes("uint8")([2, 3]), bytes("int8")([3, 4], 1), bytes("int8")([4], 2)],
      (a, b, zero) => Op.MatMulInteger(a, b, undefined, zero),
    ),
  ],
  Max: binary(Op.Max, double),
  Min: binary(Op.Min, double),
  Mul: [...binary(Op.Mul, double), one("of a value by itself", double(["batch"]), (x) => Op.Mul(x, x))],
  Neg: unary(Op.Neg, double),
  Not: unary(Op.Not, truth),
  Or: binary(Op.Or, truth),
  Range: [
    one("of numbers", double(["batch"]), () => Op.Range(1, 6, 2)),
    one("downwards", double(["batch"]), () => Op.Range(5, 0, -2)),
    one("as long as an axis", double(["batch", "tokens"]), (x) => Op.Range(0, Extent.of(x, 1))),
    two("in steps of an axis", [double(["batch*tokens", 2]), double(["batch", "tokens"])], (x, ids) =>
      Op.Range(0, Extent.of(x, 0), Extent.of(ids, 1)),
    ),
    one("with nothing in it", double(["batch"]), () => Op.Range(3, 3)),
  ],
  Reciprocal: unary(Op.Reciprocal, double),
  ReduceMax: reduction(Op.ReduceMax),
  ReduceMean: reduction(Op.ReduceMean),
  ReduceSum: reduction(Op.ReduceSum),
  Relu: unary(Op.Relu, double),
  Reshape: [
    one("to numbers", double([2, 3]), (x) => Op.Reshape(x, [3, 2])),
    one("flattened by -1", double(["batch", "tokens", 4]), (x) => Op.Reshape(x, [-1, 4])),
    one("with kept axes", double(["batch", "tokens", 4]), (x) => Op.Reshape(x, [0, 0, 2, 2])),
    two("split as another value", [double(["batch*tokens", 4]), double(["batch", "tokens"], 1)], (x, ids) =>
      Op.Reshape(x, [Extent.of(ids, 0), Extent.of(ids, 1), 2, 2]),
    ),
    two("to the shape of another", [double(["batch*tokens", 2, 2]), double(["batch", "tokens", 4], 1)], Op.ReshapeLike),
    one("to a scalar", double([1, 1]), (x) => Op.Reshape(x, [])),
    one("of a scalar", double([]), (x) => Op.Reshape(x, [1, 1])),
  ],
  ScatterElements: [
    three(
      "overwriting along the last axis",
      [double(["batch", 3]), ints("int64", ["batch", 1], [2, 0]), double(["batch", 1], 1)],
      (x, at, y) => Op.ScatterElements(x, at, y, { axis: -1 }),
    ),
    three(
      "adding with duplicates",
      [double([3, 2]), ints("int32", [4, 2], [2, 0, 2, 0, 1, 1, 2, 0]), double([4, 2], 1)],
      (x, at, y) => Op.ScatterElements(x, at, y, { reduction: "add" }),
    ),
    three(
      "adding along the last axis",
      [double([1, 3]), ints("int64", [1, 2], [-1, -1]), double([1, 2], 1)],
      (x, at, y) => Op.ScatterElements(x, at, y, { axis: 1, reduction: "add" }),
    ),
  ],
  ScatterND: [
    three("rows", [double([4, "hidden"]), ints("int64", [2, 1], [3, 0]), double([2, "hidden"], 1)], Op.ScatterND),
    three("elements", [double([2, 3]), ints("int64", [3, 2], [0, 1, 1, 2, 1, 0]), double([3], 1)], Op.ScatterND),
    three("one row", [double([3, 1]), ints("int64", [1], [2]), double([1], 1)], Op.ScatterND),
  ],
  Shape: [
    one("of all axes", double(["batch", "tokens", 4]), (x) => Op.Shape(x)),
    one("of some axes", double(["batch", "tokens", 4]), (x) => Op.Shape(x, { start: 1, end: 2 })),
    one("of the last axes", double(["batch", "tokens", 4]), (x) => Op.Shape(x, { start: -2 })),
    one("of a scalar", double([]), (x) => Op.Shape(x)),
  ],
  Sigmoid: unary(Op.Sigmoid, double),
  Slice: [
    one("of rows", double([4, "hidden"]), (x) => Op.Slice(x, { starts: [1], ends: [3], axes: [0] })),
    one("from the end", double(["batch", 3]), (x) => Op.Slice(x, { starts: [-1], ends: [2 ** 31 - 1], axes: [-1] })),
    one("of two axes", double([3, 4]), (x) => Op.Slice(x, { starts: [0, 1], ends: [2, -1], axes: [0, 1] })),
    one("of all of a named axis", double(["batch", 2]), (x) =>
      Op.Slice(x, { starts: [0], ends: [2 ** 31 - 1], axes: [0] }),
    ),
    one("past the end", double([2, 3]), (x) => Op.Slice(x, { starts: [1], ends: [9], axes: [1] })),
  ],
  Softmax: softmax(Op.Softmax),
  Sqrt: unary(Op.Sqrt, positive),
  Squeeze: [
    one("an outer axis", double([1, "tokens", 2]), (x) => Op.Squeeze(x, { axes: [0] })),
    one("two axes", double(["batch", 1, 2, 1]), (x) => Op.Squeeze(x, { axes: [-1, 1] })),
    one("to a scalar", double([1]), (x) => Op.Squeeze(x, { axes: [0] })),
  ],
  Sub: [...binary(Op.Sub, double), one("from a number", double(["batch"]), (x) => Op.Sub(1, x))],
  Tanh: unary(Op.Tanh, double),
  Transpose: [
    one("of a matrix", double(["batch", "tokens"]), (x) => Op.Transpose(x, { perm: [1, 0] })),
    one("of heads", double(["batch", "tokens", 2, 4]), (x) => Op.Transpose(x, { perm: [0, 2, 1, 3] })),
    one("that is no symmetry", double([2, 3, 1]), (x) => Op.Transpose(x, { perm: [2, 0, 1] })),
  ],
  Unsqueeze: [
    one("an outer axis", double(["batch", 2]), (x) => Op.Unsqueeze(x, { axes: [0] })),
    one("two axes", double(["batch", "tokens"]), (x) => Op.Unsqueeze(x, { axes: [1, -1] })),
    one("of a scalar", double([]), (x) => Op.Unsqueeze(x, { axes: [0] })),
  ],
  Where: [
    three("of equal shapes", [truth(["batch", 3]), double(["batch", 3]), double(["batch", 3], 1)], Op.Where),
    three(
      "with a column as condition",
      [truth(["batch", 1]), double(["batch", "tokens"]), double(["tokens"], 1)],
      Op.Where,
    ),
    two("with a number", [truth(["batch", 1, 1, "tokens"]), double(["batch", 2, "tokens", "tokens"])], (mask, x) =>
      Op.Where(mask, x, -3),
    ),
    three("where everything broadcasts", [truth(["tokens"]), double([]), double(["batch", 1], 1)], Op.Where),
  ],
}
