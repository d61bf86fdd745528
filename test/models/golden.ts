/** The golden runs of test/fixtures/pytorch (see make.py there), and the same runs through Thaw's graphs. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as AdamW from "@thaw/models/AdamW"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import type * as Group from "@thaw/models/Group"
import * as LearningRate from "@thaw/models/LearningRate"
import * as TrainingModel from "@thaw/models/TrainingModel"
import type { Graph } from "@thaw/onnx/Graph"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { type Session, Sessions } from "@thaw/onnx/Session"
import type { Tensor } from "@thaw/onnx/Tensor"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"

export const families = ["bert", "distilbert", "electra", "modernbert", "mpnet", "roberta"] as const
export type FamilyName = (typeof families)[number]

/** Groups that train, per variant of two blocks. */
export const variants = {
  nothing: ["embeddings", "block.0", "block.1", "head.entities", "head.topic"],
  backbone: ["head.entities", "head.topic"],
  belowBlock1: ["block.1", "head.entities", "head.topic"],
} as const satisfies Readonly<Record<string, ReadonlyArray<Group.Group>>>
export type Variant = keyof typeof variants

interface GoldenUpdate {
  readonly learningRate: number
  readonly losses: Readonly<Record<string, number>>
  readonly total: number
  readonly gradientNorm: number
}

interface GoldenRun {
  readonly weights: Readonly<Record<string, number>>
  readonly classes: Readonly<Record<string, number>>
  readonly weightDecay: number
  readonly maxGradientNorm: number
  readonly warmupUpdates: number
  readonly learningRate: number
  readonly updates: ReadonlyArray<GoldenUpdate>
}

const folder = join(import.meta.dirname, "../fixtures/pytorch")
export const path = (family: FamilyName, name: string) => join(folder, family, name)
const tensors = (family: FamilyName, name: string) =>
  Effect.runPromise(Safetensors.read(path(family, `${name}.safetensors`)))

/** Weights of a fixture file: `initial` or a variant's final ones. */
export const weightsOf = tensors

export const goldenOf = (family: FamilyName, variant: Variant): GoldenRun =>
  JSON.parse(readFileSync(path(family, `${variant}.json`), "utf8")) as GoldenRun

export const configOf = (family: FamilyName) =>
  Effect.runSync(EncoderConfig.parse(readFileSync(path(family, "config.json"), "utf8"), family))

const labels = (count: number) => Array.from({ length: count }, (_, index) => `label ${index}`)

export const heads: Readonly<Record<string, Checkpoint.Head>> = {
  topic: { kind: "classification", pooling: "cls", labels: labels(3) },
  entities: { kind: "tokenClassification", labels: labels(5) },
}

/** Whose batches a family has: those of another are the same where the padding token is. */
const batchesFrom: Partial<Record<FamilyName, FamilyName>> = { electra: "bert", modernbert: "bert", mpnet: "roberta" }

/** Inputs of the graphs by their names, one record per update. */
export const batchesOf = async (
  family: FamilyName,
  file = "batches",
): Promise<ReadonlyArray<Readonly<Record<string, Tensor>>>> => {
  const batches: Array<Record<string, Tensor>> = []
  for (const [name, tensor] of Object.entries(await tensors(batchesFrom[family] ?? family, file))) {
    const [update, ...rest] = name.split(".")
    const batch = (batches[Number(update)] ??= {})
    batch[rest.join(".")] = tensor
  }
  return batches
}

export const phaseOf = async (family: FamilyName, variant: Variant): Promise<TrainingModel.Phase> => {
  const { weightDecay, maxGradientNorm } = goldenOf(family, variant)
  const phase = {
    config: configOf(family),
    heads,
    trainable: variants[variant],
    optimizer: AdamW.make({ weightDecay }),
    maxGradientNorm,
  }
  const initial = await weightsOf(family, "initial")
  const frozen = TrainingModel.frozenParameters(phase).map(({ name }) => [name, initial[name]!] as const)
  return { ...phase, frozen: Object.fromEntries(frozen) }
}

export interface Trained {
  readonly updates: ReadonlyArray<GoldenUpdate>
  readonly weights: Readonly<Record<string, Tensor>>
  readonly moments: Readonly<Record<string, Tensor>>
}

/** Only what a graph asks for. */
export const fed = (graph: Graph, values: Readonly<Record<string, Tensor>>) =>
  Object.fromEntries(graph.inputs.flatMap(({ name }) => (values[name] === undefined ? [] : [[name, values[name]]])))

/** The golden run's 50 updates in a process of its own. */
export const train = (family: FamilyName, variant: Variant, where: SessionProcess.Options): Promise<Trained> =>
  Effect.gen(function* () {
    const golden = goldenOf(family, variant)
    const batches = yield* Effect.promise(() => batchesOf(family))
    const phase = yield* Effect.promise(() => phaseOf(family, variant))
    const initial = yield* Effect.promise(() => weightsOf(family, "initial"))
    const model = TrainingModel.make(phase)
    const device = yield* (yield* Sessions).open
    yield* device.put(Object.fromEntries(model.parameters.map(({ name }) => [name, initial[name]!])))
    yield* device.put(TrainingModel.freshMoments(AdamW.make(), model.parameters))
    const prefix = model.prefix === undefined ? undefined : yield* device.session(model.prefix)
    const sessions = new Map<string, { readonly update: TrainingModel.Update; readonly session: Session }>()
    const counts = new Map<string, number>()
    const learningRate = LearningRate.linear({
      base: golden.learningRate,
      warmup: golden.warmupUpdates / golden.updates.length,
    })
    const updates: Array<GoldenUpdate> = []
    for (const [at, batch] of batches.entries()) {
      const tasks = Object.keys(batch).flatMap((name) => (name.startsWith("labels.") ? [name.slice(7)] : []))
      const key = tasks.sort().join()
      if (!sessions.has(key)) {
        const update = model.update(tasks)
        sessions.set(key, { update, session: yield* device.session(update.graph) })
      }
      const { update, session } = sessions.get(key)!
      const rate = LearningRate.at(learningRate, at, batches.length)
      const groups = update.groups.map((group) => {
        counts.set(group, (counts.get(group) ?? 0) + 1)
        return { group, learningRate: rate, count: counts.get(group)! }
      })
      if (prefix !== undefined) {
        yield* prefix.run({ feeds: fed(model.prefix!, batch), keep: { hidden: "hidden" } })
      }
      const names = Object.keys(update.state)
      const result = yield* session.run({
        feeds: fed(update.graph, {
          ...batch,
          ...TrainingModel.weights(golden.weights),
          ...TrainingModel.rates(phase, groups),
        }),
        resident: {
          ...Object.fromEntries(names.map((name) => [name, name])),
          ...(prefix === undefined ? {} : { hidden: "hidden" }),
        },
        keep: Object.fromEntries(names.map((name) => [update.state[name]!, name])),
        fetch: ["loss", "gradientNorm", ...tasks.map((task) => `loss.${task}`)],
      })
      const number = (name: string) => Number(result[name]!.data[0])
      updates.push({
        learningRate: rate,
        losses: Object.fromEntries(tasks.map((task) => [task, number(`loss.${task}`)])),
        total: number("loss"),
        gradientNorm: number("gradientNorm"),
      })
    }
    const moments = model.parameters.flatMap(({ name }) => TrainingModel.moments(AdamW.make(), name))
    return {
      updates,
      weights: yield* device.take(model.parameters.map(({ name }) => name)),
      moments: yield* device.take(moments),
    }
  }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer(where)), Effect.runPromise)
