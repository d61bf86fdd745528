/** A checkpoint's tensors on a device, under their own names, and back into files. */
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as CheckpointFiles from "@thaw/models/CheckpointFiles"
import type * as Group from "@thaw/models/Group"
import * as Optimizer from "@thaw/models/Optimizer"
import type * as Parameter from "@thaw/models/Parameter"
import * as Separation from "@thaw/models/Separation"
import * as TrainingModel from "@thaw/models/TrainingModel"
import type { SessionFailed } from "@thaw/onnx/Errors"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import type { Device } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import { Effect } from "effect"

export type Counts = Readonly<Record<Group.Group, number>>

/** Names in a file and on the device are the same. */
export const identity = (names: Iterable<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(Array.from(names, (name) => [name, name]))

type Parameters = ReadonlyArray<Parameter.Parameter>

/** Names of these parameters' moments. */
export const momentNames = (optimizer: Optimizer.Optimizer, parameters: Parameters): ReadonlyArray<string> =>
  parameters.flatMap(({ name }) => Optimizer.moments(optimizer, name))

/** Names of these parameters' weights and moments. */
export const stateNames = (optimizer: Optimizer.Optimizer, parameters: Parameters): ReadonlyArray<string> => [
  ...parameters.map(({ name }) => name),
  ...momentNames(optimizer, parameters),
]

/** Files of a checkpoint that a device can load. */
export interface Files {
  readonly weights: string
  readonly moments: string | undefined
}

/**
 * Fails unless every group that ever trained has the moments that this optimizer goes on with: counts without them would
 * correct a bias that is not there.
 *
 * @param where names the step, for messages
 */
export const requireMoments = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  optimizer: Optimizer.Optimizer,
  where: string,
) {
  const { moments, training } = checkpoint
  const kept = new Set(moments === undefined ? [] : (yield* CheckpointFiles.entries(moments)).keys())
  const trained = Checkpoint.parameters(checkpoint).filter(({ group }) => (training.updates[group] ?? 0) > 0)
  const wanted = momentNames(optimizer, trained)
  if (wanted.every((name) => kept.has(name))) return
  return yield* new PipelineInvalid({
    where: `${where}, optimizer`,
    expected: `the one that trained the checkpoint so far, whose moments it goes on with`,
    got: Optimizer.names[optimizer._tag],
    advice: "Give all phases the same optimizer, or start from an exported folder, which has no moments.",
  })
})

/** Tensors of zero, made where they are to be: all together they may be larger than the weights. */
const zeros = Effect.fnUntraced(function* (
  device: Device,
  tensors: ReadonlyArray<{ readonly name: string; readonly shape: ReadonlyArray<number> }>,
) {
  if (tensors.length === 0) return
  // As an input the number is not spread at the graph's creation, which would hold all of it once more.
  const zero = Value.input("zero", "float32", [])
  const outputs = Object.fromEntries(tensors.map(({ name, shape }) => [name, Op.Expand(zero, shape)]))
  const session = yield* device.session(Graph.make({ name: "zeros", outputs }))
  yield* session.run({ feeds: { zero: Tensor.scalar("float32", 0) }, keep: identity(Object.keys(outputs)) })
}, Effect.scoped)

const forget = (device: Device, optimizer: Optimizer.Optimizer, parameters: Parameters) =>
  zeros(
    device,
    parameters.flatMap(({ name, shape }) =>
      Optimizer.moments(optimizer, name).map((moment) => ({ name: moment, shape })),
    ),
  )

/** Weights and moments as the checkpoint has them; what never trained gets moments of zero. */
export const load = Effect.fnUntraced(function* (
  device: Device,
  files: Files,
  optimizer: Optimizer.Optimizer,
  trainable: Parameters,
  counts: Counts,
): Effect.fn.Return<void, SessionFailed> {
  yield* device.load(files.weights)
  yield* forget(device, optimizer, trainable.filter(hasNoMoments(counts)))
  if (files.moments !== undefined) yield* device.load(files.moments)
})

const hasNoMoments =
  (counts: Counts) =>
  ({ group }: Parameter.Parameter): boolean =>
    (counts[group] ?? 0) === 0

/** The same for some parameters only, the others left as they are. */
export const reload = Effect.fnUntraced(function* (
  device: Device,
  files: Files,
  optimizer: Optimizer.Optimizer,
  parameters: Parameters,
  counts: Counts,
): Effect.fn.Return<void, SessionFailed> {
  yield* device.load(files.weights, identity(parameters.map(({ name }) => name)))
  yield* forget(device, optimizer, parameters.filter(hasNoMoments(counts)))
  const trained = parameters.filter((parameter) => !hasNoMoments(counts)(parameter))
  if (files.moments !== undefined) yield* device.load(files.moments, identity(momentNames(optimizer, trained)))
})

/** What some settings need beside weights and moments: weights to decay toward, sums of gradients of micro-batches or tasks. */
export const beside = Effect.fnUntraced(function* (
  device: Device,
  files: Files,
  { parameters }: TrainingModel.TrainingModel,
  settings: Optimizer.Rating & {
    readonly accumulate: number
    /** Tasks whose gradients are kept apart; undefined: they are not. */
    readonly separate: ReadonlyArray<string> | undefined
  },
): Effect.fn.Return<void, SessionFailed> {
  const returning = parameters.filter(({ group }) => Optimizer.returns(settings, group))
  if (returning.length > 0) {
    yield* device.load(files.weights, Object.fromEntries(returning.map(({ name }) => [name, Optimizer.start(name)])))
  }
  if (settings.accumulate > 1) yield* device.put(TrainingModel.freshAccumulators(parameters))
  if (settings.separate !== undefined) yield* zeros(device, Separation.sums(parameters, settings.separate))
})

/** Names of all that a phase may not change: weights, and moments of groups that trained before. */
export const frozenNames = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  optimizer: Optimizer.Optimizer,
  trainable: Parameters,
) {
  const moving = new Set(stateNames(optimizer, trainable))
  const trained = Checkpoint.parameters(checkpoint).filter(({ group }) => (checkpoint.training.updates[group] ?? 0) > 0)
  return [...(yield* Checkpoint.names(checkpoint)), ...momentNames(optimizer, trained)].filter(
    (name) => !moving.has(name),
  )
})

/** Every weight, and the moments of groups that ever trained, as files for the next checkpoint. */
export const save = Effect.fnUntraced(function* (
  device: Device,
  before: Checkpoint.Checkpoint,
  optimizer: Optimizer.Optimizer,
  counts: Counts,
  scratch: string,
) {
  const weights = join(scratch, "next.model.safetensors")
  const moments = join(scratch, "next.optimizer.safetensors")
  const trained = Checkpoint.parameters(before).filter(({ group }) => (counts[group] ?? 0) > 0)
  const all = yield* Checkpoint.names(before)
  yield* device.save(weights, identity(all), { format: "pt" })
  yield* device.save(moments, identity(momentNames(optimizer, trained)), { format: "pt" })
  return { weights: Artifact.file(weights), moments: Artifact.file(moments) }
})
