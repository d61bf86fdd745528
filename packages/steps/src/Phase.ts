/**
 * One phase of training, from checkpoint to checkpoint.
 *
 * Weights, moments and what the frozen part gives stay on the device; only token ids, labels and a few rates go in, and
 * losses come out. The device writes the checkpoint's tensors itself.
 */
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderDigest from "@thaw/models/EncoderDigest"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import { Clock, Effect } from "effect"
import * as Balance from "./Balance.ts"
import * as Attempt from "./training/Attempt.ts"
import * as Closing from "./training/Closing.ts"
import * as Drift from "./training/Drift.ts"
import * as FrozenTensors from "./training/FrozenTensors.ts"
import * as History from "./training/History.ts"
import * as Progress from "./training/Progress.ts"
import * as Resident from "./training/Resident.ts"
import * as Scored from "./training/Scored.ts"
import * as Stage from "./training/Stage.ts"

export const run = Effect.fnUntraced(function* (inputs: Stage.Inputs) {
  const { checkpoint, unfreezeUntil } = inputs
  const latest = History.latest(checkpoint.training.history)
  const isLater = unfreezeUntil !== undefined && unfreezeUntil.position > 1
  return isLater && latest?.ended !== undefined ? yield* passed(inputs, latest, latest.ended) : yield* train(inputs)
}, Effect.scoped)

/** The checkpoint as it came: the row of phases that this one belongs to has ended with an earlier one. */
const passed = Effect.fnUntraced(function* (
  { checkpoint, place, trains }: Stage.Inputs,
  { scores }: History.Entry,
  ended: string,
) {
  const { label } = yield* Step.StepRun
  const { emit } = yield* RunEvents
  yield* emit({ _tag: "noticed", step: label, message: `nothing to do: the row of phases has ended (${ended})` })
  return withEntry(checkpoint, { phase: place.phase, trains, trainable: [], updates: 0, validation: [], scores, ended })
})

const withEntry = (checkpoint: Checkpoint.Checkpoint, entry: History.Entry): Checkpoint.Checkpoint => {
  const texts = Checkpoint.trainedTexts(checkpoint)
  return {
    ...checkpoint,
    // Written also where there are none: with a phase behind it, a checkpoint without the file says that it does not know.
    ...(texts === undefined ? {} : { texts }),
    training: { ...checkpoint.training, history: [...checkpoint.training.history, History.json(entry)] },
  }
}

const train = Effect.fnUntraced(function* (given: Stage.Inputs) {
  const { label, scratch } = yield* Step.StepRun
  const { emit } = yield* RunEvents
  const startedAt = yield* Clock.currentTimeMillis
  const stage = yield* Stage.open(given)
  const { inputs, phase, roles, device } = stage
  const { checkpoint } = inputs
  const history = History.entries(checkpoint.training.history)
  const drift = yield* Drift.measure(device, checkpoint, stage.heldOut, history, roles.encoderMoves, stage.padId)

  const { last, watches, restore } = yield* Attempt.run(stage)

  const isTrained = (task: string) =>
    (last.counts[Group.head(task)] ?? 0) > 0 || !Head.hasWeights(checkpoint.heads[task]!) || inputs.watch.includes(task)
  const closed = yield* Closing.close(
    {
      settings: inputs,
      watches,
      drawn: roles.drawn,
      scored: Object.keys(inputs.validation).filter(isTrained),
      restore,
      undo: Resident.load(device, stage.files, inputs.optimizer, stage.model.parameters, checkpoint.training.updates),
      score: stage.score,
      where: label,
    },
    last,
  )
  const { undone } = closed.record
  if (undone !== undefined) yield* emit({ _tag: "noticed", step: label, message: `undone: ${undone}` })
  const { balance: balanced } = stage.balancing.entry(last)
  yield* FrozenTensors.verify(device, stage.untouched, label)
  const { work, seconds: workSeconds } = stage.meter.read()
  yield* emit({
    _tag: "phaseFinished",
    step: label,
    phase,
    updates: last.update,
    padding: Progress.padding(last),
    seconds: ((yield* Clock.currentTimeMillis) - startedAt) / 1000,
    peakBytes: yield* device.peakBytes,
    work,
    workSeconds,
    frozen: FrozenTensors.summary(stage.untouched),
    scores: closed.scores.map(({ task, metrics }) => ({ task, metrics })),
    ...(balanced === undefined ? {} : { balance: told(balanced) }),
  })
  // What was undone is not gone on with either.
  const remembered =
    balanced === undefined || undone === undefined
      ? balanced
      : { ...balanced, state: stage.balancing.start?.state ?? balanced.state }
  const entry: History.Entry = {
    phase,
    trains: inputs.trains,
    trainable: stage.trainable,
    updates: last.update,
    padding: Progress.padding(last),
    validation: last.evaluations.flatMap(({ update, scores }) =>
      scores.map((each) => ({ update, ...Scored.json(each) })),
    ),
    scores: closed.scores.map(Scored.json),
    ...closed.record,
    ...(remembered === undefined ? {} : { balance: remembered }),
    ...(inputs.earlyStopping?.scope === "run" ? { earlyStopping: last.watching } : {}),
    ...(yield* drift),
  }
  if (undone !== undefined) return withEntry(given.checkpoint, entry)
  const { counts } = closed.progress
  const saved = yield* Resident.save(device, checkpoint, inputs.optimizer, counts, scratch)
  const texts = stage.texts === undefined ? {} : { texts: stage.texts }
  const training = { ...checkpoint.training, updates: counts, trainedOn: yield* trainedOn(stage, counts) }
  return withEntry({ ...checkpoint, ...saved, ...texts, training }, entry)
})

/** The encoder as it is now, for heads that trained beside it. */
const trainedOn = Effect.fnUntraced(function* (
  { device, inputs: { checkpoint }, untouched }: Stage.Stage,
  counts: Readonly<Record<Group.Group, number>>,
) {
  const { config, training } = checkpoint
  const heads = Object.keys(checkpoint.heads).filter((task) => {
    const group = Group.head(task)
    return (counts[group] ?? 0) !== (training.updates[group] ?? 0)
  })
  if (heads.length === 0) return training.trainedOn ?? {}
  const names = EncoderDigest.names(config)
  const moved = yield* device.digest(names.filter((name) => untouched[name] === undefined))
  const digest = EncoderDigest.joined(Object.fromEntries(names.map((name) => [name, untouched[name] ?? moved[name]!])))
  return { ...training.trainedOn, ...Object.fromEntries(heads.map((task) => [task, digest])) }
})

/** What a finished phase says of its balance; gradients were told as they were seen. */
const told = ({ balancer, start, moments }: NonNullable<History.Entry["balance"]>) => ({
  ...(balancer === undefined ? {} : { balancer: Balance.names[balancer._tag] }),
  start,
  moments,
})
