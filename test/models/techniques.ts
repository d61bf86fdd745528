/** The golden runs of test/fixtures/pytorch/makeTechniques.py, and the same runs through Thaw's graphs. */
import { readFileSync } from "node:fs"
import * as AdamW from "@thaw/models/AdamW"
import type * as Group from "@thaw/models/Group"
import * as Sgd from "@thaw/models/Sgd"
import * as TrainingModel from "@thaw/models/TrainingModel"
import { type Device, type Session, Sessions } from "@thaw/onnx/Session"
import type { Graph } from "@thaw/onnx/Graph"
import type * as Tensor from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import * as Golden from "./golden.ts"

export type Run = "gradual" | "frozenHead" | "labelSmoothing" | "l2sp" | "sgd" | "nesterov" | "accumulation"
export type Feeds = Readonly<Record<string, Tensor.Tensor>>

export interface UpdateFigures {
  readonly losses: Readonly<Record<string, number>>
  readonly total: number
  readonly gradientNorm: number
}

export interface GoldenRun {
  readonly weights: Readonly<Record<string, number>>
  readonly weightDecay: number
  readonly maxGradientNorm: number
  /** Updates that each group took part in. */
  readonly counts: Readonly<Record<Group.Group, number>>
  readonly updates: ReadonlyArray<UpdateFigures & { readonly rates: Readonly<Record<Group.Group, number>> }>
  /** Of `labelSmoothing`, by task. */
  readonly labelSmoothing: Readonly<Record<string, number>>
  /** Of `l2sp`. */
  readonly l2sp: number
  /** Of `sgd` and `nesterov`. */
  readonly momentum: number
  /** Of `gradual`: groups that train in each phase, and the learning rate. */
  readonly phases: ReadonlyArray<ReadonlyArray<Group.Group>>
  readonly phaseUpdates: number
  readonly base: number
  readonly decay: number
  readonly cutFraction: number
  readonly ratio: number
}

export const goldenOf = (run: Run): GoldenRun =>
  JSON.parse(readFileSync(Golden.path("bert", `${run}.json`), "utf8")) as GoldenRun

export const all: ReadonlyArray<Group.Group> = ["embeddings", "block.0", "block.1", "head.entities", "head.topic"]

export interface PhasePlan {
  readonly trainable: ReadonlyArray<Group.Group>
  readonly settings?: Partial<TrainingModel.Phase>
  /** Counts that the phase starts with, in place of those of the phases before. */
  readonly counts?: Readonly<Record<Group.Group, number>>
  /** Each update's micro-batches and the rates of its groups. */
  readonly updates: ReadonlyArray<{
    readonly microBatches: ReadonlyArray<Feeds>
    readonly rates: Readonly<Record<Group.Group, number>>
  }>
}

export interface Trained {
  readonly updates: ReadonlyArray<UpdateFigures>
  readonly weights: Feeds
  readonly counts: Readonly<Record<Group.Group, number>>
}

/** One phase after the other on one device: moments and counts go on, as they do in checkpoints. */
export const train = (
  golden: Pick<GoldenRun, "weights" | "weightDecay" | "maxGradientNorm">,
  phases: ReadonlyArray<PhasePlan>,
  where: SessionProcess.Options = { threads: 2 },
): Promise<Trained> =>
  Effect.gen(function* () {
    const shared = { config: Golden.configOf("bert"), heads: Golden.heads }
    const parameters = TrainingModel.allParameters(shared)
    const device = yield* (yield* Sessions).open
    const initial = yield* Effect.promise(() => Golden.weightsOf("bert", "initial"))
    const named = Object.fromEntries(parameters.map(({ name }) => [name, initial[name]!]))
    yield* device.put(named)
    yield* device.put(Object.fromEntries(Object.entries(named).map(([name, tensor]) => [`start.${name}`, tensor])))
    for (const optimizer of [AdamW.make(), Sgd.make()]) {
      yield* device.put(TrainingModel.freshMoments(optimizer, parameters))
    }
    yield* device.put(TrainingModel.freshAccumulators(parameters))
    const counts: Record<Group.Group, number> = {}
    const updates: Array<UpdateFigures> = []
    for (const { trainable, settings, counts: begun = {}, updates: planned } of phases) {
      Object.assign(counts, begun)
      const plan = {
        ...shared,
        trainable,
        optimizer: AdamW.make({ weightDecay: golden.weightDecay }),
        maxGradientNorm: golden.maxGradientNorm,
        ...settings,
      }
      const frozen = yield* device.take(TrainingModel.frozenParameters(plan).map(({ name }) => name))
      const phase: TrainingModel.Phase = { ...plan, frozen }
      const update = yield* updating(device, phase, TrainingModel.weights(golden.weights), counts)
      for (const [at, { microBatches, rates }] of planned.entries()) {
        updates.push(yield* update(microBatches, rates, at))
      }
    }
    return { updates, counts, weights: yield* device.take(parameters.map(({ name }) => name)) }
  }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer(where)), Effect.runPromise)

const tasksOf = (feeds: Feeds) =>
  Object.keys(feeds).flatMap((name) => (name.startsWith("labels.") ? [name.slice("labels.".length)] : []))

const same = (names: Iterable<string>) => Object.fromEntries([...names].map((name) => [name, name]))
const swapped = (state: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(state).map(([name, next]) => [next, name]))

/** Updates of a phase: one graph for a single batch, `add` and `apply` for several. */
const updating = Effect.fnUntraced(function* (
  device: Device,
  phase: TrainingModel.Phase,
  weights: Feeds,
  counts: Record<Group.Group, number>,
) {
  const model = TrainingModel.make(phase)
  const updateFor = remembered(model.update)
  const accumulationFor = remembered(model.accumulation)
  const open = yield* opening(device)
  const prefix = model.prefix === undefined ? undefined : yield* open(model.prefix)

  /** What crosses the boundary becomes resident; gives its names. */
  const below = Effect.fnUntraced(function* (feeds: Feeds) {
    if (model.prefix === undefined || prefix === undefined) return {}
    const crossing = same(model.prefix.outputs.map(({ name }) => name))
    yield* prefix.run({ feeds: Golden.fed(model.prefix, feeds), keep: crossing })
    return crossing
  })
  const ratesOf = ({ groups }: TrainingModel.Update, rates: Readonly<Record<Group.Group, number>>) =>
    TrainingModel.rates(
      phase,
      groups.map((group) => {
        counts[group] = (counts[group] ?? 0) + 1
        return { group, learningRate: rates[group]!, count: counts[group] }
      }),
    )
  const number = (results: Feeds, name: string) => Number(results[name]!.data[0])
  const lossesIn = (results: Feeds, tasks: ReadonlyArray<string>) =>
    Object.fromEntries(tasks.map((task) => [task, number(results, `loss.${task}`)]))

  const single = Effect.fnUntraced(function* (batch: Feeds, rates: Readonly<Record<Group.Group, number>>, at: number) {
    const tasks = tasksOf(batch)
    const update = updateFor(tasks)
    const session = yield* open(update.graph)
    const results = yield* session.run({
      feeds: Golden.fed(update.graph, {
        ...batch,
        ...weights,
        ...TrainingModel.microBatch(at),
        ...ratesOf(update, rates),
      }),
      resident: { ...same([...Object.keys(update.state), ...update.starts]), ...(yield* below(batch)) },
      keep: swapped(update.state),
      fetch: ["loss", "gradientNorm", ...tasks.map((task) => `loss.${task}`)],
    })
    return {
      losses: lossesIn(results, tasks),
      total: number(results, "loss"),
      gradientNorm: number(results, "gradientNorm"),
    }
  })

  const several = Effect.fnUntraced(function* (
    microBatches: ReadonlyArray<Feeds>,
    rates: Readonly<Record<Group.Group, number>>,
    at: number,
  ) {
    const units = model.units(microBatches)
    const losses: Record<string, number> = {}
    let total = 0
    for (const [place, batch] of microBatches.entries()) {
      const tasks = tasksOf(batch)
      const { add } = accumulationFor(tasks)
      const session = yield* open(add.graph)
      const count = TrainingModel.microBatch(at * microBatches.length + place)
      const results = yield* session.run({
        feeds: Golden.fed(add.graph, { ...batch, ...weights, ...units, ...count }),
        resident: { ...same([...add.weights, ...Object.keys(add.state)]), ...(yield* below(batch)) },
        keep: swapped(add.state),
        fetch: ["loss", ...tasks.map((task) => `loss.${task}`)],
      })
      for (const [task, loss] of Object.entries(lossesIn(results, tasks))) losses[task] = (losses[task] ?? 0) + loss
      total += number(results, "loss")
    }
    const { apply } = accumulationFor([...new Set(microBatches.flatMap(tasksOf))])
    const session = yield* open(apply.graph)
    const results = yield* session.run({
      feeds: ratesOf(apply, rates),
      resident: same([...Object.keys(apply.state), ...apply.starts]),
      keep: swapped(apply.state),
      fetch: ["gradientNorm"],
    })
    return { losses, total, gradientNorm: number(results, "gradientNorm") }
  })

  return (microBatches: ReadonlyArray<Feeds>, rates: Readonly<Record<Group.Group, number>>, at: number) =>
    microBatches.length === 1 ? single(microBatches[0]!, rates, at) : several(microBatches, rates, at)
})

/** Opens each graph once, by its name. */
const opening = (device: Device) =>
  Effect.sync(() => {
    const sessions = new Map<string, Session>()
    return Effect.fnUntraced(function* (graph: Graph) {
      const session = sessions.get(graph.name) ?? (yield* device.session(graph))
      sessions.set(graph.name, session)
      return session
    })
  })

const remembered = <A>(make: (tasks: ReadonlyArray<string>) => A) => {
  const made = new Map<string, A>()
  return (tasks: ReadonlyArray<string>): A => {
    const key = tasks.toSorted().join()
    if (!made.has(key)) made.set(key, make(tasks))
    return made.get(key)!
  }
}
