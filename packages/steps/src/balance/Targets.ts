/**
 * Weights by what validation says: after every evaluation the task that is furthest below its target counts `raise` times
 * as much as before, and all are made to sum to the number of tasks again. Once every task has reached its target the
 * weights stay.
 */
import { Effect, Schema } from "effect"
import * as Scored from "../training/Scored.ts"
import * as Method from "./Method.ts"

export const Targets = Schema.TaggedStruct("targets", {
  /** Score that each task should reach; a task without one only shares what is left. */
  targets: Schema.Record(Schema.String, Schema.Number),
  raise: Schema.Number.check(Schema.isGreaterThan(1)),
  /** As for early stopping. */
  metric: Schema.optionalKey(Schema.String),
})
export type Targets = typeof Targets.Type

export const machine = (
  { targets, raise, metric }: Targets,
  { tasks, where }: Pick<Method.World, "tasks" | "where">,
): Method.Machine =>
  Method.make<Method.Weights>({
    state: Method.Weights,
    start: { weights: Method.each(tasks, () => 1) },
    weights: ({ weights }) => Method.each(tasks, (task) => weights[task] ?? 1),
    evaluated: Effect.fnUntraced(function* ({ weights }, { scores }) {
      let furthest: { readonly task: string; readonly below: number } | undefined
      for (const each of scores.filter(({ task }) => tasks.includes(task) && Object.hasOwn(targets, task))) {
        const below = targets[each.task]! - (yield* Scored.score(each, metric, where))
        if (below > (furthest?.below ?? 0)) furthest = { task: each.task, below }
      }
      if (furthest === undefined) return { weights }
      const { task } = furthest
      return { weights: Method.summingTo({ ...weights, [task]: (weights[task] ?? 1) * raise }, tasks.length) }
    }),
  })
