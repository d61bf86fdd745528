/** The golden run of test/fixtures/pytorch/makeLora.py, and the same run through Thaw's graphs. */
import { readFileSync } from "node:fs"
import * as Artifact from "@thaw/core/Artifact"
import * as AdamW from "@thaw/models/AdamW"
import * as Checkpoint from "@thaw/models/Checkpoint"
import type * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Lora from "@thaw/models/Lora"
import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Safetensors from "@thaw/onnx/Safetensors"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Onnxruntime from "@thaw/runners/Onnxruntime"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Effect } from "effect"
import * as Golden from "./golden.ts"

interface GoldenRun {
  readonly rank: number
  readonly alpha: number
  readonly targets: Lora.Settings["targets"]
  readonly learningRate: number
  readonly weights: Readonly<Record<string, number>>
  readonly weightDecay: number
  readonly maxGradientNorm: number
  readonly updates: ReadonlyArray<Figures>
}

interface Figures {
  readonly losses: Readonly<Record<string, number>>
  readonly total: number
  readonly gradientNorm: number
}

type Tensors = Readonly<Record<string, Tensor.Tensor>>

export const golden = JSON.parse(readFileSync(Golden.path("bert", "lora.json"), "utf8")) as GoldenRun

export const settings: Lora.Settings = { rank: golden.rank, alpha: golden.alpha, dropout: 0, targets: golden.targets }

export const config: EncoderConfig.EncoderConfig = { ...Golden.configOf("bert"), lora: settings }

/** The encoder, its heads and new adapters, as PyTorch drew them. */
export const initial = async (): Promise<Tensors> => ({
  ...(await Golden.weightsOf("bert", "initial")),
  ...(await Golden.weightsOf("bert", "lora.initial")),
})

/** The same after training. */
export const final = async (): Promise<Tensors> => ({
  ...(await initial()),
  ...(await Golden.weightsOf("bert", "lora")),
})

/** @param more what differs from the golden run's settings */
export const phase = async (more: Partial<TrainingModel.Phase> = {}): Promise<TrainingModel.Phase> => ({
  config,
  heads: Golden.heads,
  trainable: [...Lora.groups(config.dimensions.blocks), "head.entities", "head.topic"],
  optimizer: AdamW.make({ weightDecay: golden.weightDecay }),
  maxGradientNorm: golden.maxGradientNorm,
  frozen: await initial(),
  ...more,
})

export interface Trained {
  readonly updates: ReadonlyArray<Figures>
  readonly weights: Tensors
}

/** The golden run's 50 updates in a process of its own. */
export const train = (where: SessionProcess.Options): Promise<Trained> =>
  Effect.gen(function* () {
    const own = yield* Effect.promise(() => phase())
    const batches = yield* Effect.promise(() => Golden.batchesOf("bert"))
    const model = TrainingModel.make(own)
    const device = yield* (yield* Sessions).open
    yield* device.put(Object.fromEntries(model.parameters.map(({ name }) => [name, own.frozen[name]!])))
    yield* device.put(TrainingModel.freshMoments(AdamW.make(), model.parameters))
    const below = yield* device.session(model.prefix!)
    const opened = new Map(
      yield* Effect.forEach([["topic"], ["entities"], ["entities", "topic"]], (tasks) => {
        const update = model.update(tasks)
        return Effect.map(device.session(update.graph), (session) => [tasks.join(), { update, session }] as const)
      }),
    )
    const counts = new Map<string, number>()
    const updates: Array<Figures> = []
    for (const batch of batches) {
      const tasks = Object.keys(batch).flatMap((name) => (name.startsWith("labels.") ? [name.slice(7)] : []))
      const { update, session } = opened.get(tasks.sort().join())!
      const groups = update.groups.map((group) => {
        counts.set(group, (counts.get(group) ?? 0) + 1)
        return { group, learningRate: golden.learningRate, count: counts.get(group)! }
      })
      yield* below.run({ feeds: Golden.fed(model.prefix!, batch), keep: { hidden: "hidden" } })
      const names = Object.keys(update.state)
      const result = yield* session.run({
        feeds: Golden.fed(update.graph, {
          ...batch,
          ...TrainingModel.weights(golden.weights),
          ...TrainingModel.rates(own, groups),
        }),
        resident: { ...Object.fromEntries(names.map((name) => [name, name])), hidden: "hidden" },
        keep: Object.fromEntries(names.map((name) => [update.state[name]!, name])),
        fetch: ["loss", "gradientNorm", ...tasks.map((task) => `loss.${task}`)],
      })
      const number = (name: string) => Number(result[name]!.data[0])
      updates.push({
        losses: Object.fromEntries(tasks.map((task) => [task, number(`loss.${task}`)])),
        total: number("loss"),
        gradientNorm: number("gradientNorm"),
      })
    }
    return { updates, weights: yield* device.take(model.parameters.map(({ name }) => name)) }
  }).pipe(Effect.scoped, Effect.provide(SessionProcess.layer(where)), Effect.runPromise)

/** The checkpoint of the golden run with these weights. */
export const checkpointOf = (weights: Tensors, of: EncoderConfig.EncoderConfig = config): Checkpoint.Checkpoint => ({
  config: of,
  tokenizer: { json: "{}", config: undefined },
  heads: Golden.heads,
  weights: Artifact.bytes(Safetensors.encode(weights)),
  moments: undefined,
  training: { updates: {}, history: [] },
})

/** What the checkpoint's heads say of the golden run's last batch. */
export const answers = async (checkpoint: Checkpoint.Checkpoint): Promise<Tensors> => {
  const { graph } = InferenceModel.make(checkpoint.config, checkpoint.heads, Parameter.inputs())
  const weights = await Effect.runPromise(Checkpoint.tensors(checkpoint))
  const batch = (await Golden.batchesOf("bert")).at(-1)!
  return Onnxruntime.evaluate(graph, Golden.fed(graph, { ...weights, ...batch }))
}

/** Largest difference of two tensors' numbers. */
export const difference = (a: Tensor.Tensor, b: Tensor.Tensor): number => {
  const others = Tensor.numbers(b)
  return Tensor.numbers(a).reduce((most, value, at) => Math.max(most, Math.abs(value - others[at]!)), 0)
}
