/**
 * Dynamic quantisation to 8 bits, in the form that onnxruntime's own `quantize_dynamic` writes and its CPU kernels fuse:
 *
 * ```
 * x ─► DynamicQuantizeLinear ─► MatMulInteger ─► Cast ─► Mul ─► Add      for x · W + b
 *                   │               W int8                │      b
 *                   └── scale of x ─────────────► Mul ────┘
 *                                    scales of W ──┘
 * ids ─► Gather ─► Cast ─► Mul                                           for rows of a table
 *   └──► Gather (scales) ───┘
 * ```
 *
 * Weights have a scale for each output, tables one for each row. What a product reads is quantised as a whole when it runs,
 * so an example's answers depend a little on what else is in its batch. Products of two computed matrices (attention),
 * biases, normalisation and small weights stay as they are.
 */
import * as Op from "./Op.ts"
import * as Rewrite from "./Rewrite.ts"
import * as RowQuantisation from "./RowQuantisation.ts"
import * as Tensor from "./Tensor.ts"
import * as Value from "./Value.ts"

/** Weights of fewer numbers are not worth what rounding them costs. */
const fewestNumbers = 2 ** 14

/**
 * Greatest weight of a product: 7 bits. Instructions of processors without VNNI add two products of a byte and a weight in
 * 16 bits, which holds 2 · 255 · 64 but not 2 · 255 · 127: with 8 bits the same file answers worse there.
 */
const mostInProducts = 63

/** Rows of tables are only scaled back. */
const mostInTables = 127

/** The same values with quantised weights; only weights with a name of their own are. */
export const values = (outputs: Readonly<Record<string, Value.Value>>): Readonly<Record<string, Value.Value>> => {
  const matrices = remembered(matrixOf)
  const tables = remembered(tableOf)
  return Rewrite.values(outputs, ({ operator, inputs, attributes }) => {
    const [first, second, bias] = inputs
    if (operator === "Gather" && attributes["axis"] === 0) {
      const table = constantOf(first!)
      return isWorthwhile(table) ? rowsOf(tables(table), second!) : undefined
    }
    const isGemm = operator === "Gemm" && attributes["transA"] === 0 && [attributes["alpha"], attributes["beta"]].every((factor) => factor === 1) // prettier-ignore
    if (!isGemm && !(operator === "MatMul" && first!.shape.length === 2)) return undefined
    const weight = constantOf(second!)
    if (!isWorthwhile(weight)) return undefined
    const product = productOf(first!, matrices(attributes["transB"] === 1 ? weight : transposed(weight)))
    return bias === undefined ? product : Op.Add(product, folded(bias))
  })
}

/** A weight of the graph, or the part of one that is read: float32 [outputs, inputs] where a product reads it. */
interface Constant {
  readonly name: string
  readonly tensor: Tensor.TensorOf<"float32">
}

const constantOf = ({ origin }: Value.Value): Constant | undefined => {
  if (origin.kind === "initializer") {
    const { name, tensor } = origin
    return name === undefined || tensor.dtype !== "float32" ? undefined : { name, tensor }
  }
  if (origin.kind !== "node" || origin.node.operator !== "Slice") return undefined
  const [data, starts, ends, axes] = origin.node.inputs
  const whole = constantOf(data)
  const [start, end, axis] = [starts, ends, axes].map((each) => (each?.known?.length === 1 ? each.known[0] : undefined))
  if (whole === undefined || typeof start !== "number" || typeof end !== "number" || axis !== 0) return undefined
  const [rows, ...rest] = whole.tensor.shape
  if (start < 0 || end > rows!) return undefined
  const each = Tensor.elements(rest)
  const part = whole.tensor.data.subarray(start * each, end * each)
  return { name: `${whole.name}.${start}-${end}`, tensor: Tensor.float32([end - start, ...rest], part) }
}

const isWorthwhile = (constant: Constant | undefined): constant is Constant =>
  constant !== undefined && constant.tensor.shape.length === 2 && constant.tensor.data.length >= fewestNumbers

/** Each weight once, however often it is read. */
const remembered = <A>(make: (constant: Constant) => A): ((constant: Constant) => A) => {
  const made = new Map<string, A>()
  return (constant) => {
    const known = made.get(constant.name) ?? make(constant)
    made.set(constant.name, known)
    return known
  }
}

const flipped = <A extends Float32Array | Int8Array>(from: A, to: A, rows: number, columns: number): A => {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) to[column * rows + row] = from[row * columns + column]!
  }
  return to
}

const transposed = ({ name, tensor }: Constant): Constant => {
  const [rows, columns] = tensor.shape as [number, number]
  const data = flipped(tensor.data, new Float32Array(tensor.data.length), rows, columns)
  return { name: `${name}.transposed`, tensor: Tensor.float32([columns, rows], data) }
}

interface Stored {
  readonly integers: Value.Value
  readonly scales: Value.Value
}

/** [inputs, outputs] and [outputs]: what a product takes. */
const matrixOf = ({ name, tensor }: Constant): Stored => {
  const [outputs, inputs] = tensor.shape as [number, number]
  const { integers, scales } = RowQuantisation.of(tensor, mostInProducts)
  const turned = flipped(integers, new Int8Array(integers.length), outputs, inputs)
  return {
    integers: Value.initializer(`${name}_quantized`, Tensor.make("int8", [inputs, outputs], turned)),
    scales: Value.initializer(`${name}_scale`, Tensor.float32([outputs], scales)),
  }
}

/** [rows, columns] and [rows, 1]. */
const tableOf = ({ name, tensor }: Constant): Stored => {
  const { integers, scales } = RowQuantisation.of(tensor, mostInTables)
  return {
    integers: Value.initializer(`${name}_rows_quantized`, Tensor.make("int8", tensor.shape, integers)),
    scales: Value.initializer(`${name}_rows_scale`, Tensor.float32([tensor.shape[0]!, 1], scales)),
  }
}

const productOf = (x: Value.Value, { integers, scales }: Stored): Value.Value => {
  const { y, yScale, yZeroPoint } = Op.DynamicQuantizeLinear(x)
  const sums = Op.MatMulInteger(y, integers, yZeroPoint)
  return Op.Mul(Op.Cast(sums, "float32"), Op.Mul(yScale, scales))
}

const rowsOf = ({ integers, scales }: Stored, at: Value.Value): Value.Value =>
  Op.Mul(Op.Cast(Op.Gather(integers, at, { axis: 0 }), "float32"), Op.Gather(scales, at, { axis: 0 }))

/** A bias that is part of a weight, as a weight of its own: kernels that add one ask for it. */
const folded = (bias: Value.Value): Value.Value => {
  const constant = bias.origin.kind === "node" ? constantOf(bias) : undefined
  return constant === undefined ? bias : Value.initializer(constant.name, constant.tensor)
}
