/**
 * GradNorm (Chen et al. 2018, arXiv 1711.02257, algorithm 1): tasks are to train at similar rates. W is the topmost group
 * below the heads that trains, K the number of tasks:
 *
 *   G_i = ‖∇_W w_i·L_i‖        Ḡ = mean of G
 *   r_i = (L_i / L_i(0)) / mean over tasks of the same
 *   w is moved against ∂/∂w Σ_i |G_i − Ḡ·r_i^α|, whose target Ḡ·r_i^α counts as a constant, and made to sum to K again
 *
 * G_i is linear in w_i, so that the gradient is ±‖∇_W L_i‖. L_i(0) is the mean of a task's first `initialUpdates` losses;
 * until every task of an update has it the weights stay. The weights move by Adam and stay above a thousandth.
 */
import { Schema } from "effect"
import * as Adam from "./Adam.ts"
import * as Method from "./Method.ts"

const positive = Schema.Number.check(Schema.isGreaterThan(0))

export const GradNorm = Schema.TaggedStruct("gradNorm", {
  /** α: 0 makes all norms equal; the higher, the more a task that lags behind is helped. */
  alpha: Schema.Number.check(Schema.isGreaterThanOrEqualTo(0)),
  /** Learning rate of the weights. */
  rate: positive,
  initialUpdates: Schema.Int.check(Schema.isGreaterThan(0)),
})
export type GradNorm = typeof GradNorm.Type

const least = 1e-3

const State = Schema.Struct({
  weights: Schema.Record(Schema.String, Adam.State),
  /** Sum of each task's first losses, and how many these are. */
  initial: Schema.Record(Schema.String, Schema.Struct({ sum: Schema.Number, count: Schema.Int })),
})
type State = typeof State.Type

const weightOf = ({ weights }: State, task: string): number => weights[task]?.value ?? 1

export const machine = (
  { alpha, rate, initialUpdates }: GradNorm,
  { tasks }: Pick<Method.World, "tasks">,
): Method.Machine => {
  const moved = moves(alpha, rate)
  return Method.make<State>({
    state: State,
    start: { weights: Method.each(tasks, () => Adam.start(1)), initial: {} },
    weights: (state) => Method.each(tasks, (task) => weightOf(state, task)),
    looks: "top",
    updated: (state, { losses, gram }) => {
      const initial = { ...state.initial }
      for (const [task, loss] of Object.entries(losses)) {
        const { sum, count } = initial[task] ?? { sum: 0, count: 0 }
        if (count < initialUpdates) initial[task] = { sum: sum + loss, count: count + 1 }
      }
      const isKnown = (task: string) => initial[task]!.count >= initialUpdates
      if (gram === undefined || !gram.tasks.every(isKnown)) return { ...state, initial }
      const ratios = gram.tasks.map((task) => losses[task]! / (initial[task]!.sum / initial[task]!.count))
      const own = moved(state, gram, ratios)
      // What the update's tasks have together stays, and so does K over all tasks.
      const before = gram.tasks.reduce((sum, task) => sum + weightOf(state, task), 0)
      const after = Method.summingTo(
        Method.each(gram.tasks, (task) => own[task]!.value),
        before,
      )
      const renormalised = Method.each(gram.tasks, (task) => ({ ...own[task]!, value: after[task]! }))
      return { initial, weights: { ...state.weights, ...renormalised } }
    },
  })
}

/** The weights after one move against the gradient, each with its moments, before they are made to sum to K. */
const moves =
  (alpha: number, rate: number) =>
  (state: State, { tasks, products }: Method.Gram, ratios: ReadonlyArray<number>): State["weights"] => {
    const unweighted = products.map((row, at) => Math.sqrt(row[at]!))
    const norms = tasks.map((task, at) => weightOf(state, task) * unweighted[at]!)
    const [norm, ratio] = [mean(norms), mean(ratios)]
    return Object.fromEntries(
      tasks.map((task, at) => {
        const target = norm * (ratios[at]! / ratio) ** alpha
        const gradient = Math.sign(norms[at]! - target) * unweighted[at]!
        const after = Adam.after(state.weights[task] ?? Adam.start(1), gradient, rate)
        return [task, { ...after, value: Math.max(least, after.value) }] as const
      }),
    )
  }

const mean = (numbers: ReadonlyArray<number>) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length
