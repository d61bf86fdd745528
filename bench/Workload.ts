/**
 * What is measured: one fine-tuning update of a BERT with a sentence head, on batches without padding, weights and moments
 * resident in a session process, as a phase of training runs it.
 */
import * as Seed from "@thaw/core/Seed"
import * as AdamW from "@thaw/models/AdamW"
import type { Dimensions } from "@thaw/models/Dimensions"
import { Bert } from "@thaw/models/encoders/Bert"
import * as EncoderConfig from "@thaw/models/EncoderConfig"
import * as Group from "@thaw/models/Group"
import * as Head from "@thaw/models/Head"
import * as Parameter from "@thaw/models/Parameter"
import * as TrainingModel from "@thaw/models/TrainingModel"
import * as Tensor from "@thaw/onnx/Tensor"

export interface Workload {
  readonly blocks: number
  readonly hidden: number
  readonly heads: number
  readonly intermediate: number
  readonly vocab: number
  readonly batch: number
  readonly tokens: number
  /** Groups of the bottom that do not train: 0 for none, 1 for the embeddings, 1 + n for n blocks too. */
  readonly frozenGroups: number
}

/** An encoder of MiniLM's size, on batches as fine-tuning has them. */
export const miniLM = {
  blocks: 6,
  hidden: 384,
  heads: 12,
  intermediate: 1536,
  vocab: 30522,
  batch: 32,
  tokens: 64,
} as const satisfies Omit<Workload, "frozenGroups">

export const learningRate = 1e-4
export const maxGradientNorm = 1
export const classes = 3
export const positions = 512
const task = "topic"
export const seed = Seed.make(7, "bench")

export const heads = {
  [task]: { ...Head.classification(), labels: Array.from({ length: classes }, (_, label) => `label ${label}`) },
}

export const dimensions = ({ blocks, hidden, heads: headCount, intermediate, vocab }: Workload): Dimensions => ({
  blocks,
  hidden,
  heads: headCount,
  headSize: hidden / headCount,
  intermediate,
  vocab,
  positions,
  types: 2,
  activation: "gelu",
  epsilon: 1e-12,
  initializerRange: 0.02,
})

export interface Subject {
  readonly model: TrainingModel.TrainingModel
  readonly update: TrainingModel.Update
  /** Numbers of everything that trains, moments included. */
  readonly state: Readonly<Record<string, Tensor.Tensor>>
  /** Token ids and labels of the `at`-th batch. */
  readonly batch: (at: number) => Readonly<Record<string, Tensor.Tensor>>
  /** Rates of the `at`-th update, from 0, and the weight of its task. */
  readonly rates: (at: number) => Readonly<Record<string, Tensor.Tensor>>
}

/** The model with random weights, and batches for it. */
export const make = (workload: Workload): Subject => {
  const sizes = dimensions(workload)
  const plan = {
    config: EncoderConfig.make(Bert, sizes),
    heads,
    trainable: Group.all(sizes.blocks, [task]).slice(workload.frozenGroups),
    optimizer: AdamW.make(),
    maxGradientNorm,
  }
  const numbers = (parameters: ReadonlyArray<Parameter.Parameter>) =>
    Object.fromEntries(parameters.map((parameter) => [parameter.name, Parameter.initialise(parameter, seed)]))
  const model = TrainingModel.make({ ...plan, frozen: numbers(TrainingModel.frozenParameters(plan)) })
  const update = model.update([task])
  return {
    model,
    update,
    state: { ...numbers(update.parameters), ...TrainingModel.freshMoments(AdamW.make(), update.parameters) },
    batch: (at) => batch(workload, at),
    rates: (at) => ({
      ...TrainingModel.weights({ [task]: 1 }),
      ...TrainingModel.rates(
        plan,
        update.groups.map((group) => ({ group, learningRate, count: at + 1 })),
      ),
    }),
  }
}

/**
 * Ids drawn as words of a text occur, the k-th most frequent with a probability of about 1/k (Zipf): ⌊vocab^u⌋ for a
 * uniform u has it.
 */
const batch = ({ batch: size, tokens, vocab }: Workload, at: number): Readonly<Record<string, Tensor.Tensor>> => {
  const stream = Seed.stream(seed, "batch", String(at))
  const grid = (of: () => number) => Tensor.int32([size, tokens], Int32Array.from({ length: size * tokens }, of))
  return {
    input_ids: grid(() => Math.floor(vocab ** stream.float())),
    attention_mask: grid(() => 1),
    token_type_ids: grid(() => 0),
    [`labels.${task}`]: Tensor.int32(
      [size],
      Int32Array.from({ length: size }, () => stream.int(classes)),
    ),
  }
}
