/**
 * What a phase of training is told besides its data: plain JSON with every default filled in, so that the phase's content
 * key says everything. Each field is an input of `Train.phase`.
 */
import * as AdamW from "@thaw/models/AdamW"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Lora from "@thaw/models/Lora"
import * as Optimizer from "@thaw/models/Optimizer"
import { Schema } from "effect"
import * as Balance from "../Balance.ts"
import * as Rates from "../Rates.ts"
import * as ClassWeights from "../sample/ClassWeights.ts"
import * as Sampling from "../sample/Sampling.ts"

const positive = Schema.Number.check(Schema.isGreaterThan(0))
const notNegative = Schema.Number.check(Schema.isGreaterThanOrEqualTo(0))
const count = Schema.Int.check(Schema.isGreaterThan(0))
const rate = Schema.Number.check(Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(1))
const Names = Schema.Array(Schema.String)

/** Gain over the best validation score so far that counts as one, and how many evaluations may pass without. */
const patience = { minDelta: notNegative, patience: count }

/**
 * `metric` is a name that evaluations report; higher is better except for losses and errors. Where absent: `macroF1` of
 * classification, `entityF1` of token classification, `meanAveragePrecision` of several labels, `r2` of numbers, the loss
 * of hidden tokens. Several tasks: their mean.
 */
const metric = { metric: Schema.optionalKey(Schema.String) }

/** Until the validation score, taken after every epoch, has not improved by `minDelta` for `patience` epochs. */
export const Converged = Schema.Struct({ ...patience, maxEpochs: positive, ...metric })

/**
 * An epoch is ⌈Σ training examples of the tasks drawn / (batch · accumulate)⌉ updates, those of a rehearsed task counted by
 * its rate; with a token budget, and where tasks alternate, see `sample/Course`.
 */
export const Length = Schema.Union([
  Schema.Struct({ epochs: positive }),
  Schema.Struct({ updates: count }),
  Schema.Struct({ converged: Converged }),
])
export type Length = typeof Length.Type

/** Two bests: patience counts gains above `minDelta`; what is restored at the end is the best of all. */
export const EarlyStopping = Schema.Struct({
  ...patience,
  ...metric,
  /** Looked at together, or each task for itself: a stopped task is no longer drawn, its head is frozen at its best. */
  tasks: Schema.Literals(["aggregate", "perTask"]),
  /** Whether counters begin anew with this phase or go on from the checkpoint's. */
  scope: Schema.Literals(["phase", "run"]),
})
export type EarlyStopping = typeof EarlyStopping.Type

/** When a row of phases that unfreezes further ends. */
export const untilFields = {
  target: Schema.optionalKey(Schema.Number),
  minDelta: notNegative,
  ...metric,
}

/**
 * The phase is one of a row that unfreezes further while that helps. It compares its validation score with that of the
 * checkpoint it was given and gives that one back when its own is not higher by more than `minDelta`. The first of a row
 * keeps its result always. A later one does nothing when the row has ended:
 *
 *   target    a checkpoint of the row scored at least this much
 *   (none)    a phase of the row gained too little
 */
export const UnfreezeUntil = Schema.Struct({
  ...untilFields,
  /** Which phase of the row this is, from 1. */
  position: count,
})
export type UnfreezeUntil = typeof UnfreezeUntil.Type

/** Give back the checkpoint as it came when one of these tasks scores worse by more than `tolerance` afterwards. */
export const NoWorseThan = Schema.Struct({ tolerance: notNegative, tasks: Names, ...metric })
export type NoWorseThan = typeof NoWorseThan.Type

/** Shares of values that are dropped in what trains: after embeddings and projections, of attention, before the head. */
export const Dropout = Schema.Struct({ hidden: rate, attention: rate, head: rate })
export type Dropout = typeof Dropout.Type

/** What becomes of training texts that are held out for validation, of whichever task. */
export const Overlap = Schema.Literals(["refuse", "dropFromTrain", "allow"])
export type Overlap = typeof Overlap.Type

export const fields = {
  /** Patterns of the groups that train, see `Freeze.groups`; none: nothing trains. */
  trains: Names,
  /** Adapters train in the encoder, whose own weights are all frozen. */
  lora: Schema.optionalKey(Lora.Settings),
  /** Tasks that are drawn, all of whose heads train; where absent every task whose head trains. */
  tasks: Schema.optionalKey(Names),
  /** Tasks with a frozen head that are drawn all the same, at this share of what the mix gives them. */
  rehearse: Schema.Record(Schema.String, positive),
  length: Length,
  /** How much each task's loss counts; 1 where absent. */
  weights: Schema.Record(Schema.String, positive),
  /** What the losses' weights, or their gradients, become while the phase goes on; as `weights` says where absent. */
  balance: Schema.optionalKey(Balance.Balance),
  /** By task: how much the labels of each class count in its loss. */
  classWeights: Schema.optionalKey(Schema.Record(Schema.String, ClassWeights.ClassWeights)),
  /** Norms and cosines of the tasks' gradients are looked at before every so many updates; never where absent. */
  telemetry: Schema.optionalKey(Schema.Struct({ everyUpdates: count })),
  ...Sampling.fields,
  /** Examples of one micro-batch; not used with a token budget. */
  batch: count,
  /** Micro-batches of one update. */
  accumulate: count,
  /** Longer examples are cut; the encoder's own limit where absent. */
  maxTokens: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThan(2))),
  learningRate: LearningRate.LearningRate,
  /** How the groups' rates differ. */
  rates: Rates.Rates,
  /**
   * The phase's part of one learning rate over several phases, in the unit of `length`; where absent the rate starts anew.
   */
  span: Schema.optionalKey(Schema.Struct({ before: notNegative, total: positive })),
  optimizer: Optimizer.Optimizer,
  /** Largest global norm of the gradients. */
  maxGradientNorm: positive,
  /** By task; 0 where absent. */
  labelSmoothing: Schema.Record(Schema.String, rate),
  /** Weight decay toward the weights that the phase starts with (L2-SP, arXiv 1802.01483), in place of toward 0. */
  l2sp: Schema.optionalKey(positive),
  dropout: Dropout,
  earlyStopping: Schema.optionalKey(EarlyStopping),
  unfreezeUntil: Schema.optionalKey(UnfreezeUntil),
  noWorseThan: Schema.optionalKey(NoWorseThan),
  /** Tasks scored at the phase's end though they are not drawn. */
  watch: Names,
  overlap: Overlap,
  /** What the frozen bottom gives is kept up to so many bytes and computed anew beyond; 0 keeps nothing. */
  cache: Schema.Struct({ budgetBytes: notNegative, precision: Schema.Literals(["fp32", "fp16"]) }),
  /** How often the phase saves what it can continue from. */
  save: Schema.Struct({ everyUpdates: Schema.optionalKey(count), everyMinutes: Schema.optionalKey(positive) }),
  /** Which phase of a chain this is, from 1: each draws its examples in an order of its own. */
  place: Schema.Struct({ phase: count }),
} as const

const Settings = Schema.Struct(fields)
export type Settings = typeof Settings.Type

/** What a phase does unless it is told otherwise. */
export const defaults = {
  rehearse: {},
  length: { epochs: 3 },
  weights: {},
  ...Sampling.defaults,
  batch: 32,
  accumulate: 1,
  rates: Rates.uniform(),
  optimizer: AdamW.make(),
  maxGradientNorm: 1,
  labelSmoothing: {},
  dropout: { hidden: 0, attention: 0, head: 0 },
  watch: [],
  overlap: "refuse",
  cache: { budgetBytes: 2 * 2 ** 30, precision: "fp32" },
  save: { everyMinutes: 5 },
  place: { phase: 1 },
} as const satisfies Partial<Settings>

/** All settings of a phase: `Train.phase({ checkpoint, train, validation, ...Train.settings({ trains: ["heads"], learningRate }) })`. */
export const make = (given: Pick<Settings, "trains" | "learningRate"> & Partial<Settings>): Settings => ({
  ...defaults,
  // What compares the gradients of tasks needs examples of every one in each update.
  ...(given.balance !== undefined && Balance.looksAtGradients(given.balance) ? { batches: "everyTask" } : {}),
  ...given,
})
