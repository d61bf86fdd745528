/**
 * Training: a chain of phases, each a step run of its own that takes a checkpoint and gives one.
 *
 * `Train.multiTask` gives the encoder heads for its tasks (`Train.heads`) and wires one `Train.phase` after the other;
 * both may be used alone, with an evaluation or new data in between. Changing a phase reruns it and later ones only.
 */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import * as Wire from "@thaw/core/Wire"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Forecast from "@thaw/models/Forecast"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as Regression from "@thaw/models/heads/Regression"
import type * as LearningRate from "@thaw/models/LearningRate"
import type * as Optimizer from "@thaw/models/Optimizer"
import { Effect, Schema } from "effect"
import * as AddTask from "./AddTask.ts"
import type * as Balance from "./Balance.ts"
import * as Batch from "./Batch.ts"
import * as Environment from "./Environment.ts"
import * as Freeze from "./Freeze.ts"
import * as Roles from "./freeze/Roles.ts"
import * as PairCorpus from "./PairCorpus.ts"
import * as Phase from "./Phase.ts"
import type * as Rates from "./Rates.ts"
import type * as ClassWeights from "./sample/ClassWeights.ts"
import type * as Sampling from "./sample/Sampling.ts"
import * as Chain from "./training/Chain.ts"
import * as Settings from "./training/Settings.ts"
import * as Transfer from "./Transfer.ts"

/**
 * Heads for tasks that the checkpoint has none for. A head's labels are those of its training examples, sorted, `O`
 * first, and none of a number, where it asks for hidden tokens and of pairs without labels; a number is learned in the
 * measure of its training scores. Its weights start random, but a pooler and a head for hidden tokens are the encoder's own
 * where it came with them.
 */
export const heads = Step.make({
  name: "Train.heads",
  version: "1",
  input: {
    checkpoint: Checkpoint.Checkpoint,
    heads: Schema.Record(Schema.String, Head.Head),
    train: Artifact.record(Dataset.TrainExamples),
    seed: Seed.fromRun,
  },
  output: Checkpoint.Checkpoint,
  forecast: ({ inputs, parameters }) => {
    const before = inputs["checkpoint"]
    if (!Forecast.is(before)) return undefined
    const wanted = parameters["heads"] as Readonly<Record<string, Head.Head>>
    const labels = (head: Head.Head) => (Head.traits[head.kind].fewestLabels === 0 ? 0 : undefined)
    const added = Object.entries(wanted).map(([task, head]) => [task, { head, labels: labels(head) }])
    // A head for hidden tokens may come with the encoder: whether it did is known once its weights are read.
    const mayKnow = Object.keys(wanted).filter((task) => !Head.isLabelled(wanted[task]!))
    return {
      ...before,
      heads: { ...before.heads, ...Object.fromEntries(added) },
      trained: [...new Set([...before.trained, ...mayKnow.map(Group.head)])],
    } satisfies Forecast.Forecast
  },
  run: Effect.fnUntraced(function* ({ checkpoint, heads: wanted, train, seed }) {
    const { label } = yield* Step.StepRun
    const added: Record<string, Checkpoint.Head> = {}
    for (const [task, head] of Object.entries(wanted)) {
      const where = `${label}, task ${task}`
      const examples = Object.hasOwn(train, task) ? train[task] : undefined
      if (examples === undefined) {
        return yield* new PipelineInvalid({
          where,
          expected: "training examples of the task, for its labels",
          got: `those of ${Problem.list(Object.keys(train)) || "no task"}`,
          advice: "",
        })
      }
      if (head.kind === "sentenceEmbedding") {
        added[task] = { ...head, labels: yield* PairCorpus.labelsOf(examples, task, head, where) }
        continue
      }
      if (!Head.isLabelled(head)) {
        added[task] = { ...head, labels: [] }
        continue
      }
      yield* Batch.requireAnswerable(examples, task, head, where)
      if (head.kind === "regression") {
        added[task] = { ...Regression.measured(head, scoresOf(examples, task)), labels: [] }
        continue
      }
      added[task] = { ...head, labels: outsideFirst(Dataset.labelsOf(examples, task)) }
    }
    return yield* Checkpoint.withHeads(checkpoint, added, seed)
  }),
})

function* scoresOf(examples: Dataset.Dataset, task: string): Generator<number> {
  for (const { scores = {} } of Dataset.rowsOf(examples)) if (Object.hasOwn(scores, task)) yield scores[task]!
}

const outsideFirst = (labels: ReadonlyArray<string>): ReadonlyArray<string> =>
  labels.includes("O") ? ["O", ...labels.filter((label) => label !== "O")] : labels

/** All settings of a phase from those that matter: `Train.phase({ checkpoint, train, validation, ...Train.settings({ trains: ["heads"], learningRate }) })`. */
export const settings = Settings.make

/** One phase of training. Fails on a text that is held out for one task and trains it or another, unless told otherwise. */
export const phase = Step.make({
  name: "Train.phase",
  version: "3",
  input: {
    checkpoint: Checkpoint.Checkpoint,
    train: Artifact.record(Dataset.TrainExamples),
    validation: Artifact.record(Dataset.HeldOutExamples),
    ...Settings.fields,
    seed: Seed.fromRun,
  },
  output: Checkpoint.Checkpoint,
  environment: Environment.sessions,
  // How much is kept and how often it is saved changes no bit of the result.
  unkeyed: ["save", "cache.budgetBytes"],
  forecast: ({ inputs, parameters }) => {
    const before = inputs["checkpoint"]
    if (!Forecast.is(before)) return undefined
    const told = parameters as unknown as Settings.Settings
    const roles = Roles.of(told, Roles.world(before, told, Object.keys(inputs)), "Train.phase")
    return Roles.after(before, told, roles)
  },
  title: (parameters) => {
    const { place, trains, lora } = parameters as unknown as Settings.Settings
    return `Train.phase ${place.phase}, ${Freeze.describe(trains)}${lora === undefined ? "" : ", adapters"}`
  },
  run: Phase.run,
})

/** One task as an author gives it. */
export interface Task {
  readonly head: Head.Head
  /** Another checkpoint's head that this one starts from, `Transfer.head({ … })`; random unless given. */
  readonly from?: Transfer.Transfer
  readonly train: Dataset.TrainExamples | Wire.Wire<Dataset.TrainExamples>
  readonly validation: Dataset.HeldOutExamples | Wire.Wire<Dataset.HeldOutExamples>
  /** How much its loss counts; 1 unless given. */
  readonly weight?: number
}

export interface Options {
  readonly encoder: Checkpoint.Checkpoint | Wire.Wire<Checkpoint.Checkpoint>
  /** By name. Tasks that read one and the same dataset are trained jointly on it. */
  readonly tasks: Readonly<Record<string, Task>>
  /** Proportional unless given. */
  readonly mix?: Sampling.Sampling["mix"]
  /** `"quota"` unless given: counts are fixed, and each example is drawn once per pass. Or `"independent"`. */
  readonly draw?: Sampling.Sampling["draw"]
  /** Whether an update has examples of one task (`"homogeneous"`, unless given), of several, or of every task. */
  readonly batches?: Sampling.Sampling["batches"]
  /** Batches of so many tokens, of examples of about the same length, in place of `batch` examples. */
  readonly tokenBudget?: Sampling.Sampling["tokenBudget"]
  /** By task: how often examples of each class are drawn; as they come unless given. */
  readonly classes?: Sampling.Sampling["classes"]
  /** By task: easy examples first; all from the beginning unless given. */
  readonly curriculum?: Sampling.Sampling["curriculum"]
  /** Tasks that come in later than others. */
  readonly introduction?: Sampling.Sampling["introduction"]
  /** How much tasks count against each other, of phases that do not say; as their weights say unless given. */
  readonly balance?: Balance.Balance
  /**
   * By task: how much the labels of each class count in its loss; all alike unless given. Of several labels an example:
   * how much having a label counts against lacking it.
   */
  readonly classWeights?: Readonly<Record<string, ClassWeights.ClassWeights>>
  /** Look at norms and cosines of the tasks' gradients before every so many updates; changes no weight. */
  readonly telemetry?: { readonly everyUpdates: number }
  /** Nothing frozen, one phase, unless given. */
  readonly freeze?: Freeze.FreezePlan
  readonly learningRate: LearningRate.LearningRate
  /** How the groups' rates differ; all alike unless given. Rates of single groups hold in phases in which these train. */
  readonly rates?: Rates.Rates
  /** The learning rate starts anew in every phase, unless it goes over `"all"` phases, whose lengths are then all epochs or all updates. */
  readonly learningRateOver?: "phase" | "all"
  /** Of phases that do not say; 3 unless given. An epoch is ⌈Σ training examples / (batch · accumulate)⌉ updates. */
  readonly epochs?: number
  /** Examples of one micro-batch; 32 unless given. */
  readonly batch?: number
  /** Micro-batches of one update; 1 unless given. */
  readonly accumulate?: number
  readonly maxTokens?: number
  /** `AdamW.make({ … })` or `Sgd.make({ … })`; AdamW with its defaults unless given. All phases of a checkpoint have the same. */
  readonly optimizer?: Optimizer.Optimizer
  /** 1 unless given. */
  readonly maxGradientNorm?: number
  /** Of every task whose head chooses one label, or by task; 0 unless given. */
  readonly labelSmoothing?: number | Readonly<Record<string, number>>
  /** Decay toward the weights that a phase starts with. */
  readonly l2sp?: number
  /** One rate for all sites, or each its own; 0 unless given. */
  readonly dropout?: number | Partial<Settings.Dropout>
  readonly earlyStopping?: Partial<Settings.EarlyStopping>
  readonly noWorseThan?: Settings.NoWorseThan
  /**
   * What becomes of texts that are held out for one task and train it or another: refused unless given, left out of
   * training with `"dropFromTrain"`.
   */
  readonly overlap?: Settings.Overlap
  readonly cache?: Partial<Settings.Settings["cache"]>
  readonly save?: Settings.Settings["save"]
  readonly seed?: number
}

/**
 * Trains one encoder for several tasks, phase after phase, and gives the last phase's checkpoint.
 *
 * Deterministic: the same inputs and seed give the same bytes, whatever the number of threads. Throws `PipelineInvalid`
 * where the plan contradicts itself, at once or, where that depends on the encoder, when the Dag is made.
 */
export const multiTask = (options: Options): Wire.Wire<Checkpoint.Checkpoint> => {
  const each = <A>(of: (task: Task) => A): Readonly<Record<string, A>> =>
    Object.fromEntries(Object.entries(options.tasks).map(([name, task]) => [name, of(task)]))
  const seed = options.seed === undefined ? {} : { seed: options.seed }
  const data = { train: each((task) => task.train), validation: each((task) => task.validation) }
  const fresh = heads({
    checkpoint: options.encoder,
    heads: each((task) => task.head),
    train: data.train,
    ...seed,
  })
  const start = Transfer.into(fresh, options.tasks)
  const given = Wire.isWire(options.encoder) ? undefined : options.encoder.config.dimensions.blocks
  return Wire.later(start, (forecast) =>
    Chain.settings(options, given ?? Forecast.blocks(forecast)).reduce<Wire.Wire<Checkpoint.Checkpoint>>(
      (checkpoint, own) => phase({ checkpoint, ...data, ...own, ...seed }),
      start,
    ),
  )
}

/** What `addTask` gives. */
export interface Grown {
  readonly trained: Wire.Wire<Checkpoint.Checkpoint>
  /** What the earlier tasks' heads answered before and after. */
  readonly proof: Wire.Wire<AddTask.Proof>
}

/**
 * `Train.addTask({ from: trained, task: { mood: { head, train, validation } }, earlier: { topic: support.validation }, learningRate })`:
 * heads for new tasks on a trained checkpoint, under a frozen encoder unless `freeze` says otherwise. Heads of earlier
 * tasks are frozen always.
 *
 * The earlier tasks do not suffer, or the run fails: with a frozen encoder their scores on the `earlier` examples stay the
 * same to the last bit; with one that moves, phases in which one falls by more than `noWorseThan` are undone.
 *
 * Throws `PipelineInvalid` as `multiTask` does, and when the encoder moves without `noWorseThan`.
 */
export const addTask = (options: AddTask.Options): Grown => {
  const { from, task, earlier, rehearse = {} } = options
  const each = <T, A>(all: Readonly<Record<string, T>>, of: (one: T) => A): Readonly<Record<string, A>> =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, of(one)]))
  const seed = options.seed === undefined ? {} : { seed: options.seed }
  const train = each(task, (one) => one.train)
  const data = {
    train: { ...each(rehearse, (one) => one.train), ...train },
    validation: { ...earlier, ...each(task, (one) => one.validation) },
  }
  const promised = AddTask.promised(options)
  const fresh = heads({ checkpoint: from, heads: each(task, (one) => one.head), train, ...seed })
  const start = Transfer.into(fresh, task)
  const given = Wire.isWire(from) ? undefined : from.config.dimensions.blocks
  const after = Wire.later(start, (forecast) => {
    if (Forecast.is(forecast)) AddTask.requireEarlier(options, Object.keys(forecast.heads))
    return AddTask.settings(options, given ?? Forecast.blocks(forecast)).reduce<Wire.Wire<Checkpoint.Checkpoint>>(
      (checkpoint, own) => phase({ checkpoint, ...data, ...own, ...seed }),
      start,
    )
  })
  return AddTask.proven({ before: from, after, earlier, promised })
}
