/**
 * The low-rank adapters of a checkpoint: begun beside the encoder's weights, and merged into them.
 *
 *   W ← W + (alpha/rank) · B · A
 *
 * A checkpoint has one set of adapters at most. Those of other settings are merged before new ones begin, and before the
 * encoder's own weights train: what was learnt so far is in the weights then.
 */
import * as Artifact from "@thaw/core/Artifact"
import type * as Seed from "@thaw/core/Seed"
import type { SafetensorsBroken } from "@thaw/onnx/Errors"
import * as Safetensors from "@thaw/onnx/Safetensors"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import * as Checkpoint from "./Checkpoint.ts"
import * as CheckpointFiles from "./CheckpointFiles.ts"
import * as EncoderConfig from "./EncoderConfig.ts"
import * as EncoderDigest from "./EncoderDigest.ts"
import * as Group from "./Group.ts"
import * as Lora from "./Lora.ts"
import * as Network from "./Network.ts"
import * as Optimizer from "./Optimizer.ts"
import * as Parameter from "./Parameter.ts"

type Made = Effect.Effect<Checkpoint.Checkpoint, SafetensorsBroken>

/**
 * The checkpoint with adapters of these settings: its own where they fit, else new ones, which start random by their names
 * and change no answer.
 *
 * @throws TrainingInvalid when a target is no linear map of a block
 */
export const begin = Effect.fnUntraced(function* (
  given: Checkpoint.Checkpoint,
  settings: Lora.Settings,
  seed: Seed.Seed,
): Effect.fn.Return<Checkpoint.Checkpoint, SafetensorsBroken> {
  const config = { ...given.config, lora: settings }
  if (given.config.lora !== undefined && Lora.fits(given.config.lora, settings)) return { ...given, config }
  const checkpoint = yield* merged(given)
  const before = yield* Checkpoint.tensors(checkpoint)
  const weights: Record<string, Tensor.Tensor> = { ...before }
  for (const parameter of Network.parameters(EncoderConfig.network(config))) {
    if (Group.isAdapters(parameter.group)) weights[parameter.name] = Parameter.initialise(parameter, seed)
  }
  return {
    ...checkpoint,
    config,
    weights: Artifact.bytes(Safetensors.encode(weights, { format: "pt" })),
    training: trainingOf(checkpoint, before, { config, weights }),
  }
})

/** The checkpoint without adapters: its weights give the same answers up to rounding. Their moments are left behind. */
export const merged = (checkpoint: Checkpoint.Checkpoint): Made =>
  checkpoint.config.lora === undefined ? Effect.succeed(checkpoint) : merge(checkpoint)

const merge = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
): Effect.fn.Return<Checkpoint.Checkpoint, SafetensorsBroken> {
  const { lora: _, ...config } = checkpoint.config
  const before = yield* Checkpoint.tensors(checkpoint)
  const weights: Record<string, Tensor.Tensor> = { ...before }
  const found = Lora.adapted(EncoderConfig.network(checkpoint.config))
  for (const {
    weight,
    adapter: { down, up, scale },
  } of found) {
    weights[weight.name] = sum(weights[weight.name]!, weights[up.name]!, weights[down.name]!, scale)
    delete weights[down.name]
    delete weights[up.name]
  }
  const moments = checkpoint.moments === undefined ? undefined : yield* without(found, checkpoint.moments)
  const updates = Object.entries(checkpoint.training.updates).filter(([group]) => !Group.isAdapters(group))
  return {
    ...checkpoint,
    config,
    weights: Artifact.bytes(Safetensors.encode(weights, { format: "pt" })),
    moments,
    training: { ...trainingOf(checkpoint, before, { config, weights }), updates: Object.fromEntries(updates) },
  }
})

/** Heads that trained on the encoder in the one form stay those of the encoder in the other. */
const trainingOf = (
  { config, training }: Checkpoint.Checkpoint,
  before: Safetensors.Tensors,
  after: { readonly config: EncoderConfig.EncoderConfig; readonly weights: Safetensors.Tensors },
): Checkpoint.Training =>
  training.trainedOn === undefined
    ? training
    : {
        ...training,
        trainedOn: EncoderDigest.carried(
          training.trainedOn,
          () => EncoderDigest.ofTensors(config, before),
          () => EncoderDigest.ofTensors(after.config, after.weights),
        ),
      }

/** Moments of everything else: those of adapters to come have the same names. */
const without = Effect.fnUntraced(function* (found: ReadonlyArray<Lora.Adapted>, moments: Artifact.Content) {
  const parts = found.flatMap(({ adapter: { down, up } }) => [down, up])
  const gone = new Set(parts.flatMap(({ name }) => Optimizer.everyMoment(name)))
  const names = [...(yield* CheckpointFiles.entries(moments)).keys()]
  const others = names.filter((name) => !gone.has(name))
  if (others.length === names.length) return moments
  return Artifact.bytes(Safetensors.encode(yield* CheckpointFiles.tensors(moments, others), { format: "pt" }))
})

/** W + scale · B · A, rounded once per element. */
const sum = (W: Tensor.Tensor, B: Tensor.Tensor, A: Tensor.Tensor, scale: number): Tensor.Tensor => {
  const [rank, inputs] = [A.shape[0]!, A.shape[1]!]
  const [w, b, a] = [W, B, A].map(({ data }) => data as Float32Array) as [Float32Array, Float32Array, Float32Array]
  const row = new Float64Array(inputs)
  const data = new Float32Array(w.length)
  for (let start = 0, output = 0; start < w.length; start += inputs, output++) {
    row.fill(0)
    for (let inner = 0; inner < rank; inner++) {
      const factor = scale * b[output * rank + inner]!
      for (let at = 0; at < inputs; at++) row[at]! += factor * a[inner * inputs + at]!
    }
    for (let at = 0; at < inputs; at++) data[start + at] = w[start + at]! + row[at]!
  }
  return Tensor.float32(W.shape, data)
}
