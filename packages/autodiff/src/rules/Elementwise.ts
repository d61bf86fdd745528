/** Gradients of elementwise operators; x, a, b are inputs, y is the output, g its gradient. */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"
import * as Rule from "../Rule.ts"

/** A gradient that depends on the input and the output at the same place only. */
const unary = <N extends "Abs" | "Erf" | "Exp" | "Log" | "Neg" | "Reciprocal" | "Relu" | "Sigmoid" | "Sqrt" | "Tanh">(
  gradient: (g: Value, x: Value, y: Value) => Value,
) =>
  Rule.make<N>(({ inputs, outputs }, gradients) => {
    // Each of these operators has one input and one output, which N as a variable hides.
    const [x, y, g] = [inputs[0], outputs[0], gradients[0] as Value]
    return [() => gradient(g, x, y)]
  })

/** 1 where the condition holds, else 0: a product with it runs on all threads, Where does not. */
const indicator = (condition: Value, like: Value): Value => Op.Cast(condition, like.dtype)

/** The share of a in max(a, b) or min(a, b): all where it wins, half where both are equal (as PyTorch does). */
const winner = (wins: Value, a: Value, b: Value): Value =>
  Op.Add(indicator(wins, a), Op.Mul(indicator(Op.Equal(a, b), a), 0.5))

export const elementwise = {
  // ∂x = g · sign(x)
  Abs: unary<"Abs">((g, x) => Op.Mul(g, Op.Sub(indicator(Op.Greater(x, 0), x), indicator(Op.Less(x, 0), x)))),

  // ∂a = g, ∂b = g
  Add: Rule.make<"Add">((_, [g]) => [() => g, () => g]),

  // ∂a = g / b, ∂b = −g · y / b
  Div: Rule.make<"Div">(({ inputs: [, b], outputs: [y] }, [g]) => [
    () => Op.Div(g, b),
    () => Op.Neg(Op.Div(Op.Mul(g, y), b)),
  ]),

  // ∂x = g · 2/√π · exp(−x²)
  Erf: unary<"Erf">((g, x) => Op.Mul(g, Op.Mul(Op.Exp(Op.Neg(Op.Mul(x, x))), 2 / Math.sqrt(Math.PI)))),

  // ∂x = g · y
  Exp: unary<"Exp">((g, _, y) => Op.Mul(g, y)),

  // none: ∂x = g · (Φ(x) + x · φ(x)), with Φ(x) = (1 + erf(x/√2)) / 2 and φ(x) = exp(−x²/2) / √(2π)
  // tanh: ∂x = g · ((1 + t)/2 + x/2 · (1 − t²) · u′), with t = tanh(u), u = √(2/π)(x + 0.044715 x³)
  //       (Hendrycks & Gimpel 2016). The operator keeps its inner values to itself, so they are computed again.
  Gelu: Rule.make<"Gelu">(({ inputs: [x], attributes }, [g]) => [
    () => Op.Mul(g, attributes.approximate === "none" ? geluSlope(x) : tanhGeluSlope(x)),
  ]),

  // ∂x = g
  Identity: Rule.make<"Identity">((_, [g]) => [() => g]),

  // ∂x = g / x
  Log: unary<"Log">((g, x) => Op.Div(g, x)),

  // ∂a = g · [a > b], ∂b = g · [b > a], halves where equal
  Max: Rule.make<"Max">(({ inputs: [a, b] }, [g]) => [
    () => Op.Mul(g, winner(Op.Greater(a, b), a, b)),
    () => Op.Mul(g, winner(Op.Greater(b, a), b, a)),
  ]),

  // ∂a = g · [a < b], ∂b = g · [b < a], halves where equal
  Min: Rule.make<"Min">(({ inputs: [a, b] }, [g]) => [
    () => Op.Mul(g, winner(Op.Less(a, b), a, b)),
    () => Op.Mul(g, winner(Op.Less(b, a), b, a)),
  ]),

  // ∂a = g · b, ∂b = g · a
  Mul: Rule.make<"Mul">(({ inputs: [a, b] }, [g]) => [() => Op.Mul(g, b), () => Op.Mul(g, a)]),

  // ∂x = −g
  Neg: unary<"Neg">((g) => Op.Neg(g)),

  // ∂x = −g · y²
  Reciprocal: unary<"Reciprocal">((g, _, y) => Op.Neg(Op.Mul(g, Op.Mul(y, y)))),

  // ∂x = g · [y > 0]; 0 at the kink (as PyTorch does)
  Relu: unary<"Relu">((g, _, y) => Op.Mul(g, indicator(Op.Greater(y, 0), y))),

  // ∂x = g · y · (1 − y)
  Sigmoid: unary<"Sigmoid">((g, _, y) => Op.Mul(g, Op.Mul(y, Op.Sub(1, y)))),

  // ∂x = g / 2y
  Sqrt: unary<"Sqrt">((g, _, y) => Op.Div(Op.Mul(g, 0.5), y)),

  // ∂a = g, ∂b = −g
  Sub: Rule.make<"Sub">((_, [g]) => [() => g, () => Op.Neg(g)]),

  // ∂x = g · (1 − y²)
  Tanh: unary<"Tanh">((g, _, y) => Op.Mul(g, Op.Sub(1, Op.Mul(y, y)))),
}

const geluSlope = (x: Value): Value => {
  const cumulative = Op.Mul(Op.Add(Op.Erf(Op.Mul(x, Math.SQRT1_2)), 1), 0.5)
  const density = Op.Mul(Op.Exp(Op.Mul(Op.Mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI))
  return Op.Add(cumulative, Op.Mul(x, density))
}

const tanhGeluSlope = (x: Value): Value => {
  const [root, cubic] = [Math.sqrt(2 / Math.PI), 0.044715]
  const square = Op.Mul(x, x)
  const t = Op.Tanh(Op.Mul(Op.Mul(x, Op.Add(Op.Mul(square, cubic), 1)), root))
  const inner = Op.Mul(Op.Add(Op.Mul(square, 3 * cubic), 1), root)
  return Op.Mul(Op.Add(Op.Add(t, 1), Op.Mul(Op.Mul(x, Op.Sub(1, Op.Mul(t, t))), inner)), 0.5)
}
