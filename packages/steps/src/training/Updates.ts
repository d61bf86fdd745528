/**
 * Applying updates to the weights on a device. There is one graph per set of tasks in a batch, opened when it first
 * occurs; an update of several micro-batches adds their gradients up before it applies them.
 */
import type * as Group from "@thaw/models/Group"
import * as TrainingModel from "@thaw/models/TrainingModel"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Graph } from "@thaw/onnx/Graph"
import type { Device, Session } from "@thaw/onnx/Session"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Scope } from "effect"
import type * as Batch from "../Batch.ts"
import * as Resident from "./Resident.ts"

type Feeds = Readonly<Record<string, Tensor.Tensor>>

/** One micro-batch, ready to go in. */
export interface Batched {
  readonly examples: ReadonlyArray<Batch.EncodedExample>
  readonly feeds: Feeds
  /** Tasks whose labels are in it. */
  readonly tasks: ReadonlyArray<string>
}

/** What an update takes besides weights and moments. */
export interface Taken {
  readonly feeds: Feeds
  readonly resident: Readonly<Record<string, string>>
}

/** What the frozen part below the update gives for a batch, with the batch's own feeds. */
export type Below = (examples: ReadonlyArray<Batch.EncodedExample>, feeds: Feeds) => Effect.Effect<Taken, SessionFailed>

/** Rates of the groups that an update changes. */
export type RatesOf = (groups: ReadonlyArray<Group.Group>) => Feeds

export interface Updates {
  /** Applies one update of one or more micro-batches and gives the loss before it. */
  readonly apply: (batches: ReadonlyArray<Batched>, rates: RatesOf) => Effect.Effect<number, SessionFailed>
  /** The loss of a batch alone, with another source for what the frozen part gives. */
  readonly loss: (batch: Batched, rates: RatesOf, below: Below) => Effect.Effect<number, SessionFailed>
}

/** Only what the graph takes: a graph without a use for an input has no such input. */
export const accepted = <A>(given: Readonly<Record<string, A>>, graph: Graph): Readonly<Record<string, A>> => {
  const names = new Set(graph.inputs.map(({ name }) => name))
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name)))
}

interface Opened<A> {
  readonly made: A
  readonly session: Session
}

/** Sessions stay open until the scope closes. */
export const open = Effect.fnUntraced(function* (
  device: Device,
  model: TrainingModel.TrainingModel,
  below: Below,
): Effect.fn.Return<Updates, never, Scope.Scope> {
  const scope = yield* Effect.scope

  /** One graph per set of tasks. */
  const perTasks = <A>(make: (tasks: ReadonlyArray<string>) => A, graphOf: (made: A) => Graph) => {
    const opened = new Map<string, Opened<A>>()
    return Effect.fnUntraced(function* (tasks: ReadonlyArray<string>) {
      const key = JSON.stringify(tasks)
      const known = opened.get(key)
      if (known !== undefined) return known
      const made = make(tasks)
      const session = yield* Effect.provideService(device.session(graphOf(made)), Scope.Scope, scope)
      opened.set(key, { made, session })
      return { made, session }
    })
  }
  const whole = perTasks(model.update, ({ graph }) => graph)
  const adding = perTasks(
    (tasks) => model.accumulation(tasks).add,
    ({ graph }) => graph,
  )
  const applying = perTasks(
    (tasks) => model.accumulation(tasks).apply,
    ({ graph }) => graph,
  )

  const one = Effect.fnUntraced(function* (
    { examples, feeds, tasks }: Batched,
    rates: RatesOf,
    source: Below,
    keep: (update: TrainingModel.Update) => Readonly<Record<string, string>>,
  ) {
    const { made, session } = yield* whole(tasks)
    const taken = yield* source(examples, feeds)
    const { loss } = yield* session.run({
      feeds: { ...accepted(taken.feeds, made.graph), ...rates(made.groups) },
      resident: { ...read(made), ...accepted(taken.resident, made.graph) },
      keep: keep(made),
      fetch: ["loss"],
    })
    return Number(loss!.data[0])
  })

  const several = Effect.fnUntraced(function* (batches: ReadonlyArray<Batched>, rates: RatesOf) {
    const units = TrainingModel.units(batches.map(({ feeds }) => feeds))
    let total = 0
    for (const { examples, feeds, tasks } of batches) {
      const { made, session } = yield* adding(tasks)
      const taken = yield* below(examples, feeds)
      const { loss } = yield* session.run({
        feeds: { ...accepted(taken.feeds, made.graph), ...accepted(units, made.graph) },
        resident: {
          ...Resident.identity([...Object.keys(made.state), ...made.weights]),
          ...accepted(taken.resident, made.graph),
        },
        keep: replaced(made.state),
        fetch: ["loss"],
      })
      total += Number(loss!.data[0])
    }
    const { made, session } = yield* applying([...new Set(batches.flatMap(({ tasks }) => tasks))].sort())
    yield* session.run({ feeds: rates(made.groups), resident: read(made), keep: replaced(made.state) })
    return total
  })

  return {
    apply: (batches, rates) =>
      batches.length === 1 ? one(batches[0]!, rates, below, ({ state }) => replaced(state)) : several(batches, rates),
    loss: (batch, rates, source) => one(batch, rates, source, () => ({})),
  }
})

/** Resident tensors that an update reads. */
const read = ({ state, starts }: TrainingModel.Update) => Resident.identity([...Object.keys(state), ...starts])

/** Graph output → the resident tensor that it replaces. */
const replaced = (state: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(state).map(([name, after]) => [after, name]))
