/** A small corpus whose labels follow from its words, and the pipelines that train on it. */
import * as Dataset from "@thaw/core/Dataset"
import type * as Wire from "@thaw/core/Wire"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Train from "@thaw/steps/Train"

const animals = ["cat", "dog", "horse", "bird"]
const tools = ["hammer", "saw", "drill", "wrench"]
const moods = { good: ["happy", "lovely"], bad: ["sad", "awful"] }

const pick = <A>(list: ReadonlyArray<A>, at: number): A => list[at % list.length]!

/** `topic` on every row, `mood` on every third, `thing` tags on every row with tokens. */
export const rows = (count: number, form: "text" | "tokens", prefix: string): ReadonlyArray<Dataset.Example> =>
  Array.from({ length: count }, (_, at) => {
    const topic = at % 2 === 0 ? "animal" : "tool"
    const mood = Math.floor(at / 2) % 2 === 0 ? "good" : "bad"
    const noun = pick(topic === "animal" ? animals : tools, Math.floor(at / 3))
    const id = `${prefix}${at}`
    // What has another prefix has other texts: no held-out text is in training.
    const words = ["the", pick(moods[mood], at), noun, "number", id, "is", "here"]
    return {
      id,
      origin: id,
      ...(form === "text" ? { text: words.join(" ") } : { tokens: words }),
      labels: { topic, ...(at % 3 === 0 ? { mood } : {}) },
      tags: form === "tokens" ? { thing: words.map((word) => (word === noun ? `B-${topic}` : "O")) } : {},
    }
  })

const tasksOf = (form: "text" | "tokens") => ({ labels: ["topic", "mood"], tags: form === "tokens" ? ["thing"] : [] })

/** The three parts of a dataset, without a step that splits. */
export const parts = (given: {
  readonly train: ReadonlyArray<Dataset.Example>
  readonly heldOut: ReadonlyArray<Dataset.Example>
  readonly form?: "text" | "tokens"
}) =>
  Dataset.parts(Dataset.examples([], tasksOf(given.form ?? "text")), {
    train: given.train,
    validation: given.heldOut,
    test: given.heldOut,
  })

export const small = parts({ train: rows(24, "text", "t"), heldOut: rows(9, "text", "h") })

/** An encoder of two blocks that trains in a moment. */
export const encoder = (corpus: Dataset.TrainExamples = small.train) =>
  Encoder.fromScratch({ corpus, vocabularySize: 120, blocks: 2, hidden: 16, heads: 2, intermediate: 32, maxTokens: 24 })

export const head = Head.classification({ pooling: "mean" })

export type Overrides = Partial<Train.Options>

/** Topic and mood, trained jointly. */
export const tasks = {
  topic: { head, train: small.train, validation: small.validation },
  mood: { head, train: small.train, validation: small.validation },
} satisfies Readonly<Record<string, Train.Task>>

/** Everything in one phase of two epochs unless told otherwise. */
export const trained = (overrides: Overrides = {}): Wire.Wire<Checkpoint.Checkpoint> =>
  Train.multiTask({
    encoder: encoder(),
    tasks,
    learningRate: LearningRate.constant(1e-2),
    epochs: 2,
    ...(overrides.tokenBudget === undefined ? { batch: 8 } : {}),
    ...overrides,
  })

/** The encoder with new heads for both tasks. */
export const started = Train.heads({
  checkpoint: encoder(),
  heads: { topic: head, mood: head },
  train: { topic: small.train, mood: small.train },
})

/** All that `Train.phase` needs besides a checkpoint. */
export const alone = (trains: ReadonlyArray<string>, epochs: number, phase = 1) => ({
  train: { topic: small.train, mood: small.train },
  validation: { topic: small.validation, mood: small.validation },
  ...Train.settings({
    trains,
    length: { epochs },
    learningRate: LearningRate.constant(1e-2),
    batch: 8,
    place: { phase },
  }),
})
