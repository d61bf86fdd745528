/**
 * CAGrad (Liu et al. 2021, arXiv 2110.14048, algorithm 1): the direction near the mean gradient along which the task that
 * gains least gains most. With g_0 the mean of the K gradients and g_u = Σ u_i·g_i for u ≥ 0, Σ u_i = 1 (the paper's
 * factor 1/K before it changes nothing below):
 *
 *   u that makes g_u·g_0 + c·‖g_0‖·‖g_u‖ least         d = g_0 + (c·‖g_0‖ / ‖g_u‖)·g_u
 *
 * c = 0 is the mean, c → 1 goes toward MGDA. The update takes K·d, which for c = 0 is the plain sum.
 */
import { Schema } from "effect"
import * as Method from "./Method.ts"

export const CAGrad = Schema.TaggedStruct("caGrad", {
  c: Schema.Number.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(1)),
})
export type CAGrad = typeof CAGrad.Type

type Matrix = Method.Gram["products"]

/** How much each given gradient counts in K·d. Deterministic. */
export const coefficients = (products: Matrix, c: number): ReadonlyArray<number> => {
  const count = products.length
  const mean = products.map(() => 1 / count)
  const root = c * Math.sqrt(Math.max(0, quadratic(products, mean)))
  const u = minimiser(products, root)
  const norm = Math.sqrt(Math.max(0, quadratic(products, u)))
  // Where g_u vanishes no direction makes every task better: the mean is all there is.
  const scale = norm > 0 ? root / norm : 0
  return u.map((each) => count * (1 / count + scale * each))
}

/** What u is to make least. */
export const objective = (products: Matrix, u: ReadonlyArray<number>, root: number): number => {
  const withMean = times(products, u).reduce((sum, each) => sum + each, 0) / products.length
  return withMean + root * Math.sqrt(Math.max(0, quadratic(products, u)))
}

const times = (products: Matrix, u: ReadonlyArray<number>): ReadonlyArray<number> =>
  products.map((row) => row.reduce((sum, each, at) => sum + each * u[at]!, 0))

const quadratic = (products: Matrix, u: ReadonlyArray<number>): number =>
  times(products, u).reduce((sum, each, at) => sum + each * u[at]!, 0)

const mostSweeps = 10_000
const negligible = 1e-14

/**
 * The objective is convex, so moving mass between two tasks at a time, each time by the exact best amount, ends at its
 * least: sweeps over all pairs, until a sweep moves nothing.
 */
export const minimiser = (products: Matrix, root: number): ReadonlyArray<number> => {
  const count = products.length
  const u = products.map(() => 1 / count)
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let moved = 0
    for (let i = 0; i < count; i++) {
      for (let j = i + 1; j < count; j++) {
        const step = bestStep(products, u, i, j, root)
        u[i]! += step
        u[j]! -= step
        moved = Math.max(moved, Math.abs(step))
      }
    }
    if (moved < negligible) break
  }
  return u
}

/**
 * The best t for u + t·(e_i − e_j) within the simplex. Along it the objective is b·t + root·√(r·(t − t₀)² + m), which is
 * least at t₀ − b·√(m / (r·(root²·r − b²))) where root²·r > b², else at an end.
 */
const bestStep = (products: Matrix, u: ReadonlyArray<number>, i: number, j: number, root: number): number => {
  const [low, high] = [-u[i]!, u[j]!]
  const gw = times(products, u)
  const rowSum = (at: number) => products[at]!.reduce((sum, each) => sum + each, 0)
  const b = (rowSum(i) - rowSum(j)) / products.length
  const r = products[i]![i]! - 2 * products[i]![j]! + products[j]![j]!
  const ends = b > 0 ? low : b < 0 ? high : 0
  if (!(r > 0)) return ends
  const half = gw[i]! - gw[j]!
  const t0 = -half / r
  const m = Math.max(0, quadratic(products, u) - (half * half) / r)
  const room = root * root * r - b * b
  if (!(room > 0)) return ends
  return Math.min(high, Math.max(low, t0 - b * Math.sqrt(m / (r * room))))
}

export const machine = ({ c }: CAGrad, { tasks }: Pick<Method.World, "tasks">): Method.Machine =>
  Method.combining(tasks, (products) => coefficients(products, c))
