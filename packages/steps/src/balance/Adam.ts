/** Adam (Kingma & Ba, arXiv 1412.6980, algorithm 1) for one number in float64, as `torch.optim.Adam` with its defaults. */
import { Schema } from "effect"

export const State = Schema.Struct({ value: Schema.Number, m: Schema.Number, v: Schema.Number, count: Schema.Int })
export type State = typeof State.Type

export const start = (value: number): State => ({ value, m: 0, v: 0, count: 0 })

const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8]

export const after = (before: State, gradient: number, rate: number): State => {
  const count = before.count + 1
  const m = beta1 * before.m + (1 - beta1) * gradient
  const v = beta2 * before.v + (1 - beta2) * gradient * gradient
  const step = m / (1 - beta1 ** count) / (Math.sqrt(v / (1 - beta2 ** count)) + epsilon)
  return { value: before.value - rate * step, m, v, count }
}
