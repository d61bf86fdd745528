/**
 * Gradients of matrix products; Y is the output, g its gradient, ′ the operator's own transposes.
 *
 * Transposes go into the products, which costs nothing; a Transpose of a weight matrix would be a copy of it.
 */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import * as Rule from "../Rule.ts"

type Flag = 0 | 1
interface Transposes {
  readonly transA: Flag
  readonly transB: Flag
}
type Product = (a: Value, b: Value, transposes: Transposes) => Value

const opposite = (flag: Flag): Flag => (flag === 1 ? 0 : 1)

/**
 * For Y = α · A′ · B′
 *
 *     A as it is:    ∂A = α · g · B′ᵀ        B as it is:    ∂B = α · A′ᵀ · g
 *     A transposed:  ∂A = α · B′ · gᵀ        B transposed:  ∂B = α · gᵀ · A′
 */
const factors = (
  a: Value,
  b: Value,
  g: Value,
  { transA, transB }: Transposes,
  product: Product,
): [() => Value, () => Value] => [
  () =>
    transA === 0
      ? product(g, b, { transA: 0, transB: opposite(transB) })
      : product(b, g, { transA: transB, transB: 1 }),
  () =>
    transB === 0
      ? product(a, g, { transA: opposite(transA), transB: 0 })
      : product(g, a, { transA: 1, transB: transA }),
]

const gemm =
  (alpha: number): Product =>
  (a, b, transposes) =>
    Op.Gemm(a, b, undefined, { alpha, ...transposes })

const stacked =
  (alpha: number): Product =>
  (a, b, transposes) =>
    Op.FusedMatMul(a, b, { alpha, ...transposes })

/**
 * A stack of rows times one matrix is one product of flattened rows: its gradients are too, and the sum over the stack
 * happens inside the product.
 */
const isFlat = (a: Value, b: Value, transA: Flag): boolean =>
  transA === 0 && b.shape.length === 2 && [...b.shape, a.shape.at(-1)].every((length) => typeof length === "number")

const flattened = (a: Value, b: Value, g: Value, transB: Flag, alpha: number): [() => Value, () => Value] => {
  const rows = (x: Value): Value => (x.shape.length === 2 ? x : Op.Reshape(x, [-1, Number(x.shape.at(-1))]))
  const [toRows, toMatrix] = factors(rows(a), b, rows(g), { transA: 0, transB }, gemm(alpha))
  return [() => (a.shape.length === 2 ? toRows() : Op.ReshapeLike(toRows(), a)), toMatrix]
}

const stackedFactors = (a: Value, b: Value, g: Value, transposes: Transposes, alpha: number) =>
  isFlat(a, b, transposes.transA)
    ? flattened(a, b, g, transposes.transB, alpha)
    : factors(a, b, g, transposes, stacked(alpha))

export const matrices = {
  // Y = α · A′ · B′ over the leading axes
  FusedMatMul: Rule.make<"FusedMatMul">(({ inputs: [a, b], attributes }, [g]) =>
    stackedFactors(a, b, g, attributes, attributes.alpha),
  ),
  // Y = α · A′ · B′ + β · C: ∂C = β · g
  Gemm: Rule.make<"Gemm">(({ inputs: [a, b], attributes }, [g]) => [
    ...factors(a, b, g, attributes, gemm(attributes.alpha)),
    () => (attributes.beta === 1 ? g : Op.Mul(g, attributes.beta)),
  ]),
  // Y = A · B over the leading axes
  MatMul: Rule.make<"MatMul">(({ inputs: [a, b] }, [g]) => stackedFactors(a, b, g, { transA: 0, transB: 0 }, 1)),
}
