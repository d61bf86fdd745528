/**
 * A large task and a scarce one in one encoder, trained in six ways that differ in how the scarce one is served, each with
 * several seeds and as many updates. Three ways make the scarce task count the same factor more: its examples come again,
 * weigh more, or come with changed copies.
 *
 * A seed decides which rows of the scarce task there are, the vocabulary and the first weights, the order of examples, and
 * what copies say. The ways share all of that within a seed, but for the order, so they can be compared seed by seed.
 */
import type * as Dataset from "@thaw/core/Dataset"
import type { Wire } from "@thaw/core/Wire"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Augment from "@thaw/steps/Augment"
import * as Evaluate from "@thaw/steps/Evaluate"
import * as Freeze from "@thaw/steps/Freeze"
import * as Sample from "@thaw/steps/Sample"
import type * as Scores from "@thaw/steps/Scores"
import * as Train from "@thaw/steps/Train"
import * as Rows from "../comparison/Rows.ts"

export const abundant = "intent"
export const scarce = "sentiment"

type Given<D> = D | Wire<D>

/** Where a task's examples come from. The scarce task's `train` is what its rows are drawn from. */
export interface Parts {
  readonly train: Given<Dataset.TrainExamples>
  readonly validation: Given<Dataset.HeldOutExamples>
  readonly test: Given<Dataset.HeldOutExamples>
}

export interface Options {
  readonly intent: Parts
  readonly sentiment: Parts
  readonly seeds: ReadonlyArray<number>
  /** Training rows of every label of the scarce task. */
  readonly each: number
  /** How many times more the scarce task is repeated, weighs, or is with its copies. */
  readonly factor: number
  /** Of every run. */
  readonly updates: number
  readonly batch: number
  readonly encoder: Omit<Parameters<typeof Encoder.fromScratch>[0], "corpus" | "seed">
}

/** What a way changes. */
interface Way {
  readonly mix?: Sample.Mix
  readonly weight?: number
  readonly augmented?: true
}

/** The one that others are compared with first. */
const ways = (factor: number) =>
  ({
    proportional: {},
    "temperature 2": { mix: Sample.temperature({ temperature: 2 }) },
    oversampling: { mix: Sample.proportional({ repeat: { [scarce]: factor } }) },
    "task weight": { weight: factor },
    augmentation: { augmented: true },
    combination: {
      mix: Sample.temperature({ temperature: 2, repeat: { [scarce]: factor } }),
      weight: factor,
      augmented: true,
    },
  }) satisfies Readonly<Record<string, Way>>

/** The comparison's wires. */
export interface Pair {
  /** Of every run by way, then by seed in the order given. */
  readonly scores: Readonly<Record<string, ReadonlyArray<Wire<Scores.Scores>>>>
  /** Of the copies, by seed. */
  readonly reports: ReadonlyArray<ReturnType<typeof Augment.examples>["report"]>
}

export const make = (options: Options): Pair => {
  const starts = options.seeds.map((seed) => startOf(seed, options))
  const scores = Object.fromEntries(
    Object.entries<Way>(ways(options.factor)).map(([name, way]) => [
      name,
      starts.map((start) => scoresOf(way, start, options)),
    ]),
  )
  return { scores, reports: starts.map(({ report }) => report) }
}

type Start = ReturnType<typeof startOf>

/** What all ways share. */
const startOf = (seed: number, { intent, sentiment, each, factor, encoder }: Options) => {
  const rows = Rows.few({ examples: sentiment.train, task: scarce, each, seed })
  const { examples: withCopies, report } = Augment.examples({
    examples: rows,
    // The four operations of EDA (arXiv 1901.11196), each with its α of 0.1.
    operation: Augment.oneOf([Augment.synonyms(), Augment.insert(), Augment.swap(), Augment.delete()]),
    copies: factor - 1,
    seed,
  })
  // Without the copies, so that all ways have the same vocabulary.
  const corpus = Rows.corpus({ of: { [abundant]: intent.train, [scarce]: rows } })
  return { seed, rows, withCopies, report, encoder: Encoder.fromScratch({ ...encoder, corpus, seed }) }
}

const scoresOf = (
  { mix = Sample.proportional(), weight = 1, augmented }: Way,
  { seed, rows, withCopies, encoder }: Start,
  { intent, sentiment, updates, batch }: Options,
): Wire<Scores.Scores> => {
  const head = Head.classification({ pooling: "mean" })
  const trained = Train.multiTask({
    encoder,
    tasks: {
      [abundant]: { head, train: intent.train, validation: intent.validation },
      [scarce]: { head, train: augmented ? withCopies : rows, validation: sentiment.validation, weight },
    },
    mix,
    freeze: Freeze.phases([{ train: ["*"], updates }]),
    learningRate: LearningRate.linear({ base: 2e-3, warmup: 0.1 }),
    batch,
    seed,
  })
  return Evaluate.tasks({ trained, test: { [abundant]: intent.test, [scarce]: sentiment.test } })
}
