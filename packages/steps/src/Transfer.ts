/**
 * Heads that do not start from scratch: from another checkpoint's head, which learned the same task, or one whose labels
 * can be told as this one's (see `HeadTransfer`).
 *
 * ```ts
 * Train.multiTask({
 *   encoder: Encoder.fromFolder({ path: "./theirs" }),
 *   tasks: {
 *     topic: {
 *       head: Head.classification(),
 *       from: Transfer.head({
 *         checkpoint: Encoder.fromFolder({ path: "./theirs", task: "topic" }),
 *         labels: { LABEL_0: "billing", LABEL_1: "refund" },
 *       }),
 *       train, validation,
 *     },
 *   },
 *   …
 * })
 * ```
 */
import * as Artifact from "@thaw/core/Artifact"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderDigest from "@thaw/models/EncoderDigest"
import * as Forecast from "@thaw/models/Forecast"
import * as Group from "@thaw/models/Group"
import * as HeadTransfer from "@thaw/models/HeadTransfer"
import * as Safetensors from "@thaw/onnx/Safetensors"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect, Schema } from "effect"
import * as Untrained from "./freeze/Untrained.ts"

type Given = Checkpoint.Checkpoint | Wire.Wire<Checkpoint.Checkpoint>

/** How a task's head starts from another. */
const Told = Schema.Struct({
  /** Whose head it is in the other checkpoint. */
  task: Schema.String,
  labels: Schema.Record(Schema.String, Schema.String),
  fresh: Schema.Array(Schema.String),
})
type Told = typeof Told.Type

/** As authors write it, see `head`. */
export interface Transfer extends Partial<Told> {
  readonly checkpoint: Given
}

/**
 * The head of `task` in another checkpoint, of the same name unless given.
 *
 * Labels stand for those of the same name. `labels` renames: label of that head → label of the data; several may become one,
 * whose row is then made of all of theirs. Labels that the data has none of are left out. A label of the data that none
 * becomes is refused unless `fresh` names it: its row starts random.
 */
export const head = (options: Transfer): Transfer => options

/**
 * Puts what other checkpoints' heads know into heads that are there, with the data's labels. A head counts as trained
 * then. Says when one was trained on another encoder than it stands on now.
 *
 * Fails when a head is of another form, never trained, or its labels do not fit.
 */
export const heads = Step.make({
  name: "Transfer.heads",
  version: "1",
  input: {
    checkpoint: Checkpoint.Checkpoint,
    /** By task of `checkpoint`, as `transfers`. */
    from: Artifact.record(Checkpoint.Checkpoint),
    transfers: Schema.Record(Schema.String, Told),
  },
  output: Checkpoint.Checkpoint,
  forecast: ({ inputs, parameters }) => {
    const before = inputs["checkpoint"]
    if (!Forecast.is(before)) return undefined
    const tasks = Object.keys(parameters["transfers"] as Readonly<Record<string, Told>>)
    return { ...before, trained: [...new Set([...before.trained, ...tasks.map(Group.head)])] }
  },
  run: Effect.fnUntraced(function* ({ checkpoint, from, transfers }) {
    const { label } = yield* Step.StepRun
    const { emit } = yield* RunEvents
    const weights: Record<string, Tensor.Tensor> = { ...(yield* Checkpoint.tensors(checkpoint)) }
    const trainedOn: Record<string, string> = { ...checkpoint.training.trainedOn }
    const encoder = EncoderDigest.ofTensors(checkpoint.config, weights)
    for (const [task, { task: source, ...alignment }] of Object.entries(transfers)) {
      const where = `${label}, task ${task}`
      const other = from[task]!
      yield* requireTrained(other, source, where)
      const of = { checkpoint: other, task: source }
      const taken = yield* HeadTransfer.of(of, { checkpoint, task }, alignment, where)
      Object.assign(weights, taken.weights)
      trainedOn[task] = other.training.trainedOn?.[source] ?? (yield* EncoderDigest.of(other))
      for (const message of [...left(task, taken.left), ...elsewhere(task, trainedOn[task], encoder)]) {
        yield* emit({ _tag: "noticed", step: label, message })
      }
    }
    return {
      ...checkpoint,
      weights: Artifact.bytes(Safetensors.encode(weights)),
      training: { ...checkpoint.training, trainedOn },
    }
  }),
})

const requireTrained = Effect.fnUntraced(function* (
  { heads: known, training }: Checkpoint.Checkpoint,
  task: string,
  where: string,
) {
  if (!Object.hasOwn(known, task)) {
    return yield* new PipelineInvalid({
      where,
      expected: "a task that has a head in the checkpoint it starts from",
      got: JSON.stringify(task),
      advice: Problem.suggestion(task, Object.keys(known)),
    })
  }
  if (Untrained.trained(training).includes(Group.head(task))) return
  return yield* new PipelineInvalid({
    where,
    expected: `${Group.head(task)} of the checkpoint it starts from to have trained`,
    got: "a head of random numbers, which never had an update",
    advice: "Let it start from scratch: leave out from.",
  })
})

const left = (task: string, labels: ReadonlyArray<string>): ReadonlyArray<string> =>
  labels.length === 0
    ? []
    : [`${task}: left out of the head it starts from, since the data has none of them: ${Problem.list(labels)}.`]

/** A sentence where the head was trained on another encoder than it is used with. */
export const elsewhere = (task: string, trainedOn: string | undefined, encoder: string): ReadonlyArray<string> =>
  trainedOn === undefined || trainedOn === encoder
    ? []
    : [
        `${task}: its head was trained on another encoder (${EncoderDigest.short(trainedOn)}) than it is used with (${EncoderDigest.short(encoder)}): its answers mean less until it trains on this one.`,
      ]

/** The checkpoint whose heads start as tasks say; as it is where none does. */
export const into = (
  checkpoint: Wire.Wire<Checkpoint.Checkpoint>,
  tasks: Readonly<Record<string, { readonly from?: Transfer }>>,
): Wire.Wire<Checkpoint.Checkpoint> => {
  const given = Object.entries(tasks).flatMap(([task, { from }]) => (from === undefined ? [] : [[task, from] as const]))
  if (given.length === 0) return checkpoint
  return heads({
    checkpoint,
    from: Object.fromEntries(given.map(([task, from]) => [task, from.checkpoint])),
    transfers: Object.fromEntries(
      given.map(([task, { task: source = task, labels = {}, fresh = [] }]) => [task, { task: source, labels, fresh }]),
    ),
  })
}
