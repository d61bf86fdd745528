/**
 * Weights by homoscedastic uncertainty (Kendall, Gal & Cipolla 2018, arXiv 1705.07115, eq. 5 to 10), with v = log σ²:
 *
 *   classification   e^(−v)·L + ½·v       least at v = log 2L, where the weight is 1/(2L)
 *   regression       ½·e^(−v)·L + ½·v     least at v = log L, where the weight is 1/(2L)
 *
 * Each task's v is learned by Adam at a rate of its own, in the updates that have the task's loss. It is no part of the
 * network: no decay, no clipping, no freezing touches it. The sum may be negative: nothing is ever chosen by it.
 */
import type * as Head from "@thaw/models/Head"
import { Schema } from "effect"
import * as Adam from "./Adam.ts"
import * as Method from "./Method.ts"

export const Uncertainty = Schema.TaggedStruct("uncertainty", {
  /** Learning rate of v. */
  rate: Schema.Number.check(Schema.isGreaterThan(0)),
})
export type Uncertainty = typeof Uncertainty.Type

export type Form = "classification" | "regression"

/** The form that each kind of head calls for. */
export const formOf = {
  classification: "classification",
  tokenClassification: "classification",
  multiLabel: "classification",
  regression: "regression",
  maskedTokens: "classification",
  sentenceEmbedding: "classification",
} as const satisfies Record<Head.Head["kind"], Form>

/** What the loss is multiplied by. */
export const weight = (v: number, form: Form): number => (form === "classification" ? 1 : 0.5) * Math.exp(-v)

/** Of the task's part in the objective, with respect to v. */
export const gradient = (v: number, loss: number, form: Form): number => 0.5 - weight(v, form) * loss

const State = Schema.Record(Schema.String, Adam.State)

export const machine = (
  { rate }: Uncertainty,
  { tasks }: Pick<Method.World, "tasks">,
  formOfTask: (task: string) => Form,
): Method.Machine =>
  Method.make({
    state: State,
    start: Method.each(tasks, () => Adam.start(0)),
    weights: (state) => Method.each(tasks, (task) => weight(state[task]?.value ?? 0, formOfTask(task))),
    added: (state) => Method.each(tasks, (task) => (state[task]?.value ?? 0) / 2),
    updated: (state, { losses }) => {
      const after = Object.entries(losses).map(([task, loss]) => {
        const before = state[task] ?? Adam.start(0)
        return [task, Adam.after(before, gradient(before.value, loss, formOfTask(task)), rate)] as const
      })
      return { ...state, ...Object.fromEntries(after) }
    },
  })
