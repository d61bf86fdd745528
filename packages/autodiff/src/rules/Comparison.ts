/** Gradients of comparisons and choices; g is the output's gradient. */
import * as Op from "@thaw/onnx/Op"
import * as Rule from "../Rule.ts"

const truth = Rule.none("truth values do not change by small steps")

export const comparison = {
  And: truth,
  // ∂x = g in x's own precision; what was cast from or to integers has no gradient
  Cast: Rule.make<"Cast">(({ inputs: [x] }, [g]) => [() => Op.Cast(g, x.dtype)]),
  Equal: truth,
  Greater: truth,
  GreaterOrEqual: truth,
  Less: truth,
  LessOrEqual: truth,
  Not: truth,
  Or: truth,
  // ∂x = condition ? g : 0, ∂y = condition ? 0 : g
  // Not a product with the condition: what is not chosen may have an infinite gradient, and 0 · ∞ is not 0.
  Where: Rule.make<"Where">(({ inputs: [condition] }, [g]) => [
    undefined,
    () => Op.Where(condition, g, 0),
    () => Op.Where(condition, 0, g),
  ]),
}
