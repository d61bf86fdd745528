/**
 * Applying updates to the weights on a device. There is one graph per set of tasks in a batch, opened when it first
 * occurs; an update of several micro-batches adds their gradients up before it applies them, and one that is balanced by
 * gradients adds them up for each task.
 */
import type * as Group from "@thaw/models/Group"
import type { InferenceModel } from "@thaw/models/InferenceModel"
import * as Separation from "@thaw/models/Separation"
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
  /** Of the batch: every text of every example. */
  readonly rows: ReadonlyArray<Batch.EncodedExample>
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
export type Below = (rows: ReadonlyArray<Batch.EncodedExample>, feeds: Feeds) => Effect.Effect<Taken, SessionFailed>

/** Rates of the groups that an update changes. */
export type RatesOf = (groups: ReadonlyArray<Group.Group>) => Feeds

/** How much the loss of each task counts; at least of those in the batch. */
export type Counts = Readonly<Record<string, number>>

/** What an update told before it was applied. */
export interface Applied {
  /** The weighted sum of the losses. */
  readonly loss: number
  /** As they are, by task. */
  readonly losses: Counts
}

/** Products of the tasks' gradients by group, [task][task] in the order of the tasks. */
export interface Grams {
  readonly tasks: ReadonlyArray<string>
  readonly groups: Readonly<Record<Group.Group, ReadonlyArray<ReadonlyArray<number>>>>
}

/** How much each task's gradient counts below the heads, and in its own head. */
export interface Combined {
  readonly shared: Counts
  readonly heads: Counts
}

export interface Updates {
  /** Applies one update of one or more micro-batches. */
  readonly apply: (
    batches: ReadonlyArray<Batched>,
    rates: RatesOf,
    counts: Counts,
  ) => Effect.Effect<Applied, SessionFailed>
  /**
   * Applies one update whose gradients are combined as their products say.
   *
   * @param looks groups whose products are wanted; every one that trains where undefined
   */
  readonly combine: (
    batches: ReadonlyArray<Batched>,
    rates: RatesOf,
    looks: ReadonlyArray<Group.Group> | undefined,
    decide: (grams: Grams, losses: Counts) => Combined,
  ) => Effect.Effect<Pick<Applied, "losses">, SessionFailed>
  /** Products of the gradients of these micro-batches; changes nothing. */
  readonly look: (batches: ReadonlyArray<Batched>) => Effect.Effect<Grams, SessionFailed>
  /** The loss of a batch alone, with another source for what the frozen part gives. */
  readonly loss: (batch: Batched, rates: RatesOf, counts: Counts, below: Below) => Effect.Effect<number, SessionFailed>
}

/** Only what the graph takes: a graph without a use for an input has no such input. */
export const accepted = <A>(given: Readonly<Record<string, A>>, graph: Graph): Readonly<Record<string, A>> => {
  const names = new Set(graph.inputs.map(({ name }) => name))
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.has(name)))
}

/** Weights that a graph reads, where they are resident under their own names. */
export const weightsOf = ({ graph, parameters }: InferenceModel): Readonly<Record<string, string>> =>
  accepted(Resident.identity(parameters.map(({ name }) => name)), graph)

interface Opened<A> {
  readonly made: A
  readonly session: Session
}

type Open<A> = (tasks: ReadonlyArray<string>) => Effect.Effect<Opened<A>, SessionFailed>

/** Sessions stay open until the scope closes. */
export const open = Effect.fnUntraced(function* (
  device: Device,
  model: TrainingModel.TrainingModel,
  below: Below,
): Effect.fn.Return<Updates, never, Scope.Scope> {
  const scope = yield* Effect.scope

  /** One graph per set of tasks. */
  const perTasks = <A>(make: (tasks: ReadonlyArray<string>) => A, graphOf: (made: A) => Graph): Open<A> => {
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
  const accumulating = perTasks(
    (tasks) => model.accumulation(tasks).add,
    ({ graph }) => graph,
  )
  const applying = perTasks(
    (tasks) => model.accumulation(tasks).apply,
    ({ graph }) => graph,
  )

  const separating = perTasks(
    (tasks) => model.separation(tasks).add,
    ({ graph }) => graph,
  )
  const multiplying = perTasks(
    (tasks) => model.separation(tasks).gram,
    ({ graph }) => graph,
  )
  const combining = perTasks(
    (tasks) => model.separation(tasks).apply,
    ({ graph }) => graph,
  )

  const one = Effect.fnUntraced(function* (
    { rows, feeds, tasks }: Batched,
    rates: RatesOf,
    counts: Counts,
    source: Below,
    keep: (update: TrainingModel.Update) => Readonly<Record<string, string>>,
  ) {
    const { made, session } = yield* whole(tasks)
    const taken = yield* source(rows, feeds)
    const given = { ...taken.feeds, ...TrainingModel.weights(counts) }
    const told = yield* session.run({
      feeds: { ...accepted(given, made.graph), ...rates(made.groups) },
      resident: { ...read(made), ...accepted(taken.resident, made.graph) },
      keep: keep(made),
      fetch: ["loss", ...tasks.map(lossOf)],
    })
    return { loss: Number(told["loss"]!.data[0]), losses: added({}, tasks, told) }
  })

  /** Adds the gradients of every micro-batch to resident sums; gives the tasks' losses. */
  const adding = (opened: Open<TrainingModel.Add>, fetch: ReadonlyArray<string>) =>
    Effect.fnUntraced(function* (batches: ReadonlyArray<Batched>, counts: Counts) {
      const units = model.units(batches.map(({ feeds }) => feeds))
      let loss = 0
      let losses: Counts = {}
      for (const { rows, feeds, tasks } of batches) {
        const { made, session } = yield* opened(tasks)
        const taken = yield* below(rows, feeds)
        const given = { ...taken.feeds, ...units, ...TrainingModel.weights(counts) }
        const told = yield* session.run({
          feeds: accepted(given, made.graph),
          resident: {
            ...Resident.identity([...Object.keys(made.state), ...made.weights]),
            ...accepted(taken.resident, made.graph),
          },
          keep: replaced(made.state),
          fetch: [...fetch, ...tasks.map(lossOf)],
        })
        loss += fetch.includes("loss") ? Number(told["loss"]!.data[0]) : 0
        losses = added(losses, tasks, told)
      }
      return { loss, losses }
    })
  const accumulate = adding(accumulating, ["loss"])
  const separate = adding(separating, [])

  const several = Effect.fnUntraced(function* (batches: ReadonlyArray<Batched>, rates: RatesOf, counts: Counts) {
    const told = yield* accumulate(batches, counts)
    const { made, session } = yield* applying(tasksOf(batches))
    yield* session.run({ feeds: rates(made.groups), resident: read(made), keep: replaced(made.state) })
    return told
  })

  const products = Effect.fnUntraced(function* (
    tasks: ReadonlyArray<string>,
    looks: ReadonlyArray<Group.Group> | undefined,
    isLast: boolean,
  ) {
    const { made, session } = yield* multiplying(tasks)
    const groups = looks ?? made.groups
    const told = yield* session.run({
      resident: Resident.identity(Object.keys(made.state)),
      keep: isLast ? replaced(made.state) : {},
      fetch: groups.map(Separation.gram),
    })
    const found = groups.map((group) => [group, Separation.products(told[Separation.gram(group)]!, tasks.length)])
    return { tasks, groups: Object.fromEntries(found) as Grams["groups"] }
  })

  return {
    apply: (batches, rates, counts) =>
      batches.length === 1
        ? one(batches[0]!, rates, counts, below, ({ state }) => replaced(state))
        : several(batches, rates, counts),
    combine: Effect.fnUntraced(function* (batches, rates, looks, decide) {
      const tasks = tasksOf(batches)
      const { losses } = yield* separate(batches, {})
      const { shared, heads } = decide(yield* products(tasks, looks, false), losses)
      const { made, session } = yield* combining(tasks)
      yield* session.run({
        feeds: { ...accepted(Separation.coefficients(shared, heads), made.graph), ...rates(made.groups) },
        resident: read(made),
        keep: replaced(made.state),
      })
      return { losses }
    }),
    look: Effect.fnUntraced(function* (batches) {
      yield* separate(batches, {})
      return yield* products(tasksOf(batches), undefined, true)
    }),
    loss: (batch, rates, counts, source) =>
      Effect.map(
        one(batch, rates, counts, source, () => ({})),
        ({ loss }) => loss,
      ),
  }
})

const lossOf = (task: string): string => `loss.${task}`

const tasksOf = (batches: ReadonlyArray<Batched>): ReadonlyArray<string> =>
  [...new Set(batches.flatMap(({ tasks }) => tasks))].sort()

/** Losses with those of one more micro-batch, which are shares. */
const added = (losses: Counts, tasks: ReadonlyArray<string>, told: Feeds): Counts => ({
  ...losses,
  ...Object.fromEntries(tasks.map((task) => [task, (losses[task] ?? 0) + Number(told[lossOf(task)]!.data[0])])),
})

/** Resident tensors that an update reads. */
const read = ({ state, starts }: TrainingModel.Update) => Resident.identity([...Object.keys(state), ...starts])

/** Graph output → the resident tensor that it replaces. */
const replaced = (state: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(state).map(([name, after]) => [after, name]))
