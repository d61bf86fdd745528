/**
 * Every task's gradient below the heads is made as long as the mean of all, so that no task drowns another:
 * g = Σ (N̄ / ‖g_i‖)·g_i with N̄ the mean of the norms. A gradient of zero stays zero.
 */
import { Schema } from "effect"
import * as Method from "./Method.ts"

export const EqualNorms = Schema.TaggedStruct("equalNorms", {})
export type EqualNorms = typeof EqualNorms.Type

export const coefficients = (products: Method.Gram["products"]): ReadonlyArray<number> => {
  const norms = products.map((row, at) => Math.sqrt(row[at]!))
  const mean = norms.reduce((sum, norm) => sum + norm, 0) / norms.length
  return norms.map((norm) => (norm === 0 ? 0 : mean / norm))
}

export const machine = (_: EqualNorms, { tasks }: Pick<Method.World, "tasks">): Method.Machine =>
  Method.combining(tasks, coefficients)
