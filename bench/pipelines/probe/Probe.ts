/**
 * What an encoder's pre-training is worth: the encoder against one of the same config and vocabulary whose weights are
 * random, in three settings.
 *
 * ```
 * frozen, all rows    logistic regression on the mean of the topmost block's vectors
 * frozen, few rows    the same on few training rows
 * trained, few rows   all weights train, on the same few rows
 * ```
 *
 * A seed decides the random weights, which few rows there are, the heads and the order of examples. Both encoders share
 * all of that but the weights, and all settings, so they can be compared seed by seed. With all rows nothing that a seed
 * decides concerns the pre-trained encoder: its score is one.
 */
import * as Artifact from "@thaw/core/Artifact"
import type * as Dataset from "@thaw/core/Dataset"
import * as Step from "@thaw/core/Step"
import type { Wire } from "@thaw/core/Wire"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Encode from "@thaw/steps/Encode"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Fit from "@thaw/steps/Fit"
import * as Scores from "@thaw/steps/Scores"
import * as Train from "@thaw/steps/Train"
import * as Rows from "../comparison/Rows.ts"

/** Where a task's examples come from. */
export interface Parts {
  readonly train: Wire<Dataset.TrainExamples>
  readonly validation: Wire<Dataset.HeldOutExamples>
  readonly test: Wire<Dataset.HeldOutExamples>
}

export interface Options {
  readonly encoder: Wire<Checkpoint.Checkpoint>
  /** Each is learnt alone. */
  readonly tasks: Readonly<Record<string, Parts>>
  readonly seeds: ReadonlyArray<number>
  /** Few training rows: so many of every task. */
  readonly few: number
  /** Penalties of the logistic regression. Which is best is asked of the validation part, for every encoder and draw. */
  readonly l2: ReadonlyArray<number>
  /** Of training all weights. */
  readonly training: {
    readonly epochs: number
    readonly batch: number
    readonly rate: number
    readonly maxTokens: number
  }
}

/** By encoder, the random one first, then by seed in the order given. */
export type ByEncoder = Readonly<Record<string, ReadonlyArray<Wire<Scores.Scores>>>>

export interface Probe {
  readonly frozen: ByEncoder
  readonly frozenFew: ByEncoder
  readonly trainedFew: ByEncoder
}

export const make = (options: Options): Probe => {
  const { encoder, tasks, seeds, few } = options
  const starts = seeds.map((seed) => {
    const rows = each(tasks, ({ train }, task) => Rows.stratified({ examples: train, task, count: few, seed }))
    return { seed, rows, random: sideOf(Encoder.reinitialised({ encoder, seed }), options) }
  })
  const preTrained = sideOf(encoder, options)
  const same = frozen(preTrained, undefined, options)
  const both = (scores: (side: Side, start: Start) => Wire<Scores.Scores>): ByEncoder => ({
    random: starts.map((start) => scores(start.random, start)),
    "pre-trained": starts.map((start) => scores(preTrained, start)),
  })
  return {
    frozen: both((side) => (side === preTrained ? same : frozen(side, undefined, options))),
    frozenFew: both((side, { rows }) => frozen(side, rows, options)),
    trainedFew: both((side, { rows, seed }) => trained(side, rows, seed, options)),
  }
}

type Few = Readonly<Record<string, Wire<Dataset.TrainExamples>>>

interface Start {
  readonly seed: number
  readonly rows: Few
}

/** One of the two encoders, and its vectors of all examples by task: every text goes through it once. */
type Side = ReturnType<typeof sideOf>

const sideOf = (encoder: Wire<Checkpoint.Checkpoint>, { tasks }: Options) => {
  const vectors = { encoder, pooling: "mean" } as const
  return {
    encoder,
    features: each(tasks, ({ train, validation, test }) => ({
      train: Encode.features({ ...vectors, examples: train }),
      validation: Encode.features({ ...vectors, examples: validation }),
      test: Encode.features({ ...vectors, examples: test }),
    })),
  }
}

/** @param rows fitted on; all where undefined */
const frozen = ({ encoder, features }: Side, rows: Few | undefined, { l2 }: Options): Wire<Scores.Scores> =>
  together({
    scores: each(features, (own, task) => {
      const examples = rows?.[task]
      const train = examples === undefined ? own.train : Encode.features({ encoder, examples, pooling: "mean" })
      // A tenth of that takes three times as many iterations and moves the accuracy of a random encoder by 0.002.
      const fitted = l2.map((penalty) => {
        const classifier = Fit.logisticRegression({ features: train, task, l2: penalty, tolerance: 1e-3 })
        return [`l2 ${penalty}`, classifier] as const
      })
      const classifier = Fit.best({ classifiers: Object.fromEntries(fitted), validation: own.validation })
      return Fit.evaluate({ classifier, test: own.test })
    }),
  })

const trained = ({ encoder }: Side, rows: Few, seed: number, { tasks, training }: Options): Wire<Scores.Scores> =>
  together({
    scores: each(tasks, ({ validation, test }, task) => {
      const { rate, ...settings } = training
      const checkpoint = Train.multiTask({
        encoder,
        tasks: { [task]: { head: Head.classification({ pooling: "mean" }), train: rows[task]!, validation } },
        learningRate: LearningRate.linear({ base: rate, warmup: 0.1 }),
        seed,
        ...settings,
      })
      return Evaluate.tasks({ trained: checkpoint, test: { [task]: test } })
    }),
  })

/** Scores of several tasks as one. */
const together = Step.make({
  name: "Probe.together",
  version: "1",
  input: { scores: Artifact.record(Scores.kind) },
  output: Scores.kind,
  run: ({ scores }) => ({ tasks: Object.values(scores).flatMap(({ tasks }) => tasks) }),
})

const each = <A, B>(all: Readonly<Record<string, A>>, of: (one: A, name: string) => B): Readonly<Record<string, B>> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [name, of(one, name)]))
