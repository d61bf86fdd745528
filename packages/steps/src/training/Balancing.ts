/**
 * Balancing while a phase trains: the balancer's weights go into every update, what it sees of the update goes into its
 * state, and the state is part of the phase's progress.
 */
import type { InvalidData } from "@thaw/core/Errors"
import { Effect } from "effect"
import type { Schema } from "effect"
import { isDeepStrictEqual } from "node:util"
import * as Group from "@thaw/models/Group"
import * as Balance from "../Balance.ts"
import type * as Method from "../balance/Method.ts"
import * as PlainSum from "../balance/PlainSum.ts"
import * as Balanced from "./Balanced.ts"
import type * as History from "./History.ts"
import type { Progress } from "./Progress.ts"
import type * as Scored from "./Scored.ts"
import type { Settings } from "./Settings.ts"
import type * as Updates from "./Updates.ts"

export interface Balancing {
  /** What the phase starts with; undefined: nothing is balanced or looked at, so nothing is remembered. */
  readonly start: Balanced.Balanced | undefined
  /** How much the loss of each task counts now. */
  readonly weights: (progress: Progress) => Method.PerTask
  /** What the objective has besides the weighted losses. */
  readonly added: (progress: Progress, tasks: ReadonlyArray<string>) => number
  /** How gradients are combined; undefined: losses are. */
  readonly gradients: Gradients | undefined
  /** @param grams where gradients were combined */
  readonly updated: (progress: Progress, losses: Method.PerTask, grams: Updates.Grams | undefined) => Progress
  readonly evaluated: (progress: Progress, scores: ReadonlyArray<Scored.Scored>) => Effect.Effect<Progress, InvalidData>
  readonly entry: (progress: Progress) => { readonly balance: History.Entry["balance"] | undefined }
}

export interface Gradients {
  /** Groups whose products decide. */
  readonly groups: ReadonlyArray<Group.Group>
  readonly combine: (progress: Progress, grams: Updates.Grams) => Updates.Combined
}

interface Given {
  readonly settings: Pick<Settings, "balance" | "weights" | "telemetry">
  readonly world: Method.World
  readonly kinds: Parameters<typeof Balance.machine>[2]
  /** Groups that train, bottom to top. */
  readonly trainable: ReadonlyArray<Group.Group>
  readonly latest: History.Entry | undefined
}

export const open = Effect.fnUntraced(function* ({
  settings,
  world,
  kinds,
  trainable,
  latest,
}: Given): Effect.fn.Return<Balancing, InvalidData> {
  const { balance } = settings
  const machine =
    balance === undefined
      ? PlainSum.machine({ _tag: "plainSum" }, world)
      : yield* Balance.machine(balance, world, kinds)
  const fixed = (task: string) => settings.weights[task] ?? 1
  const stateOf = ({ balance: balanced }: Progress): Schema.Json => balanced?.state ?? machine.start
  const weightsOf = (state: Schema.Json): Method.PerTask => {
    const weights = machine.weights(state)
    return Object.fromEntries(world.tasks.map((task) => [task, fixed(task) * weights[task]!]))
  }
  const weights = (progress: Progress) => weightsOf(stateOf(progress))
  const before = latest?.balance
  // A function of the author's is asked anew by every phase.
  const goesOn = before !== undefined && balance?._tag !== "custom" && isDeepStrictEqual(before.balancer, balance)
  const start = goesOn ? before.state : machine.start
  const shared = trainable.filter((group) => Group.taskOf(group) === undefined)
  const looks = machine.looks === "top" ? shared.slice(-1) : shared
  const scaled = (grams: Updates.Grams) => gramOf(grams, looks, fixed)

  return {
    start: balance === undefined && settings.telemetry === undefined ? undefined : Balanced.start(start),
    weights,
    added: (progress, tasks) => {
      const added = machine.added(stateOf(progress))
      return tasks.reduce((sum, task) => sum + fixed(task) * (added[task] ?? 0), 0)
    },
    gradients:
      machine.looks === undefined
        ? undefined
        : {
            groups: looks,
            combine: (progress, grams) => {
              const heads = weights(progress)
              const combined = machine.combine?.(scaled(grams), progress.update)
              const own = grams.tasks.map((task) => [
                task,
                combined === undefined ? heads[task]! : combined[task]! * fixed(task),
              ])
              return { shared: Object.fromEntries(own) as Method.PerTask, heads: only(heads, grams.tasks) }
            },
          },
    updated: (progress, losses, grams) => {
      if (progress.balance === undefined) return progress
      const gram = grams === undefined ? undefined : scaled(grams)
      const state = machine.updated(progress.balance.state, { losses, gram })
      return { ...progress, balance: Balanced.withLosses({ ...progress.balance, state }, losses) }
    },
    evaluated: Effect.fnUntraced(function* (progress, scores) {
      const balanced = progress.balance
      if (balanced === undefined) return progress
      const { update } = progress
      const losses = Balanced.means(balanced)
      const state = yield* machine.evaluated(balanced.state, { update, scores, losses })
      return { ...progress, balance: Balanced.withMoment({ ...balanced, state }, update, weightsOf(state)) }
    }),
    entry: ({ balance: balanced }) =>
      balanced === undefined
        ? { balance: undefined }
        : {
            balance: {
              ...(balance === undefined ? {} : { balancer: balance }),
              state: balanced.state,
              start: weightsOf(start),
              moments: balanced.moments,
              seen: balanced.seen,
            },
          },
  }
})

const only = (all: Method.PerTask, tasks: ReadonlyArray<string>): Method.PerTask =>
  Object.fromEntries(tasks.map((task) => [task, all[task]!]))

/** Products over some groups together, of gradients of the losses times the tasks' own weights. */
const gramOf = (
  { tasks, groups }: Updates.Grams,
  wanted: ReadonlyArray<Group.Group>,
  weight: (task: string) => number,
): Method.Gram => ({
  tasks,
  products: tasks.map((a, i) =>
    tasks.map((b, j) => weight(a) * weight(b) * wanted.reduce((sum, group) => sum + (groups[group]?.[i]?.[j] ?? 0), 0)),
  ),
})
