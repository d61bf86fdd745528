/**
 * Weights by a function of the author's own, asked before the first update and after every evaluation.
 *
 * What a phase is told is plain JSON, so that its content key says everything. The function is told as its source, which
 * is what the key then holds, and it is run from that source with nothing around it: it may use its argument and what the
 * language has, and no variable of the file that it was written in.
 */
import { runInNewContext } from "node:vm"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import * as Method from "./Method.ts"

export const Custom = Schema.TaggedStruct("custom", { source: Schema.String })
export type Custom = typeof Custom.Type

/** What the function is asked with. */
export interface Asked {
  /** Updates made, of how many at most. */
  readonly update: number
  readonly total: number
  /** As they are now. */
  readonly weights: Method.PerTask
  /** Validation metrics by task; none before the first update. */
  readonly scores: Readonly<Record<string, Method.PerTask>>
  /** Mean raw losses since it was asked before; none before the first update. */
  readonly losses: Method.PerTask
}

/** Weights of some tasks or all, each greater than 0; the others keep theirs. */
export type Answer = (asked: Asked) => Method.PerTask

/** Throws `PipelineInvalid` when the source is no function by itself. */
export const written = (answer: Answer): Custom => {
  const source = String(answer)
  if (typeof answer !== "function" || evaluated(source) === undefined) {
    throw new PipelineInvalid({
      where: "Balance.custom",
      expected: "a function that can be read from its source",
      got: Problem.shown(source),
      advice: "Write it as an arrow function: Balance.custom(({ scores }) => ({ mood: 2 })).",
    })
  }
  return { _tag: "custom", source }
}

/** The function of a source, in an empty world; undefined where there is none. */
const evaluated = (source: string): Answer | undefined => {
  try {
    const value: unknown = runInNewContext(`"use strict"; (${source})`, Object.create(null))
    return typeof value === "function" ? (value as Answer) : undefined
  } catch {
    return undefined
  }
}

export const machine = (
  { source }: Custom,
  { tasks, total, where }: Method.World,
): Effect.Effect<Method.Machine, InvalidData> =>
  Effect.gen(function* () {
    const answer = evaluated(source)
    const ask = Effect.fnUntraced(function* (asked: Asked) {
      const place = `${where}, Balance.custom after update ${asked.update}`
      const given = yield* Effect.try({
        try: () => answer!(asked),
        catch: (cause) =>
          refused(place, String(cause), "It may use nothing but its argument: no variable of the pipeline's file."),
      })
      const wrong = problem(given, tasks)
      if (wrong !== undefined) return yield* refused(place, wrong.got, wrong.advice)
      return { ...asked.weights, ...given }
    })
    if (answer === undefined) return yield* refused(`${where}, Balance.custom`, Problem.shown(source), "")
    const ones = Method.each(tasks, () => 1)
    const start = { weights: yield* ask({ update: 0, total, weights: ones, scores: {}, losses: {} }) }
    return Method.make<Method.Weights>({
      state: Method.Weights,
      start,
      weights: ({ weights }) => Method.each(tasks, (task) => weights[task] ?? 1),
      evaluated: Effect.fnUntraced(function* ({ weights }, { update, scores, losses }) {
        const metrics = Object.fromEntries(scores.map((each) => [each.task, each.metrics]))
        return { weights: yield* ask({ update, total, weights, scores: metrics, losses }) }
      }),
    })
  })

/** What is wrong with an answer. */
const problem = (given: unknown, tasks: ReadonlyArray<string>) => {
  if (typeof given !== "object" || given === null) return { got: Problem.shown(given), advice: "" }
  for (const [task, weight] of Object.entries(given)) {
    if (!tasks.includes(task)) return { got: `one of ${JSON.stringify(task)}`, advice: Problem.suggestion(task, tasks) }
    if (!(typeof weight === "number" && weight > 0 && Number.isFinite(weight))) {
      return { got: `${Problem.shown(weight)} for ${JSON.stringify(task)}`, advice: "" }
    }
  }
  return undefined
}

const refused = (where: string, got: string, advice: string) =>
  new InvalidData({ where, expected: "weights greater than 0 of tasks that are drawn, { task: weight }", got, advice })
