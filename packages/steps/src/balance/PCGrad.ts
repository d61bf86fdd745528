/**
 * PCGrad (Yu et al. 2020, arXiv 2001.06782, algorithm 1): where the gradients of two tasks conflict, each loses the part
 * that points against the other. For each task i, and the other tasks j in random order:
 *
 *   g ← g_i;   where g·g_j < 0:   g ← g − (g·g_j / ‖g_j‖²)·g_j       g_j as it was given
 *
 * The update takes the sum of what is left of all. The gradient below the heads is one vector. Every g is a combination of
 * the given gradients, so their products are all that is needed: a column of coefficients stands for g.
 */
import * as Seed from "@thaw/core/Seed"
import { Schema } from "effect"
import * as Method from "./Method.ts"

export const PCGrad = Schema.TaggedStruct("pcGrad", {})
export type PCGrad = typeof PCGrad.Type

/**
 * How much each given gradient counts in the sum.
 *
 * @param orders for each task, the others in the order in which it meets them
 */
export const coefficients = (
  products: Method.Gram["products"],
  orders: ReadonlyArray<ReadonlyArray<number>>,
): ReadonlyArray<number> => {
  const sum = products.map(() => 0)
  orders.forEach((others, own) => {
    const of: Array<number> = products.map((_, at) => (at === own ? 1 : 0))
    for (const other of others) {
      const product = of.reduce((all, coefficient, at) => all + coefficient * products[at]![other]!, 0)
      if (product < 0) of[other]! -= product / products[other]![other]!
    }
    of.forEach((coefficient, at) => (sum[at]! += coefficient))
  })
  return sum
}

export const machine = (_: PCGrad, { tasks, seed }: Pick<Method.World, "tasks" | "seed">): Method.Machine =>
  Method.combining(tasks, (products, update) => {
    const places = products.map((_row, at) => at)
    const stream = Seed.stream(seed, "pcGrad", String(update))
    return coefficients(
      products,
      places.map((own) => stream.shuffle(places.filter((at) => at !== own))),
    )
  })
