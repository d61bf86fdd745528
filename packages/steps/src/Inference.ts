/**
 * Answers of a checkpoint's heads for encoded examples: the one path that validation, evaluation and prediction share.
 *
 * Always the same graph with weights as inputs, so figures never differ by the form of the computation. Examples are run
 * sorted by length; an example's scores do not depend on its company.
 */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Parameter from "@thaw/models/Parameter"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Device, Session } from "@thaw/onnx/Session"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import type { Scope } from "effect"
import * as Batch from "./Batch.ts"
import * as HiddenTokens from "./HiddenTokens.ts"
import type { Below } from "./training/Updates.ts"

/** Heads of a checkpoint whose weights are resident on a device. */
export interface Answering extends HiddenTokens.Guessing {
  /** Undefined where every head asks for hidden tokens. */
  readonly session: Session | undefined
  readonly inputs: ReadonlySet<string>
  readonly resident: Readonly<Record<string, string>>
  /** What the graph takes for a batch: the batch's own inputs, or what a part below it has made of them. */
  readonly below: Below
}

/** Examples that go through the graph at once. */
export const examplesAtOnce = 64

export const open = Effect.fnUntraced(function* (
  device: Device,
  checkpoint: Pick<Checkpoint.Checkpoint, "config" | "heads">,
  padId: number,
): Effect.fn.Return<Answering, SessionFailed, Scope.Scope> {
  const guessing = yield* HiddenTokens.open(device, checkpoint, padId)
  const below: Below = (_, feeds) => Effect.succeed({ feeds, resident: {} })
  if (InferenceModel.scoring(checkpoint.heads).length === 0) {
    return { ...guessing, session: undefined, inputs: new Set(), resident: {}, below }
  }
  const { graph, parameters } = InferenceModel.make(checkpoint.config, checkpoint.heads, Parameter.inputs())
  return {
    ...guessing,
    session: yield* device.session(graph),
    inputs: new Set(graph.inputs.map(({ name }) => name)),
    resident: Object.fromEntries(parameters.map(({ name }) => [name, name])),
    below,
  }
})

/**
 * Scores of one example by task: `[classes]`, `[tokens, classes]` of its own tokens for token tasks, `[1]` for numbers; of a
 * text, for sentence embeddings, its vector `[hidden]`.
 */
export type Logits = Readonly<Record<string, Float32Array>>

/** Scores of every example for these tasks, in the order of the examples, which are rows of batches. */
export const logits = Effect.fnUntraced(function* (
  answering: Answering,
  examples: ReadonlyArray<Batch.EncodedExample>,
  tasks: ReadonlyArray<string>,
): Effect.fn.Return<ReadonlyArray<Logits>, SessionFailed> {
  const { session, inputs, resident, heads, padId, below } = answering
  if (session === undefined) return examples.map(() => ({}))
  const outputOf = (task: string) => InferenceModel.outputOf(task, heads[task]!)
  const order = Batch.byLength(examples)
  const results: Array<Logits> = Array.from({ length: examples.length })
  for (let start = 0; start < order.length; start += examplesAtOnce) {
    const places = order.slice(start, start + examplesAtOnce)
    const together = places.map((place) => examples[place]!)
    // A product with a single row is another kernel of the runtime, which differs in the last bits: one example alone
    // goes with its double.
    const batch = together.length === 1 ? [...together, ...together] : together
    const taken = yield* below(batch, Batch.make(batch, {}, padId).feeds)
    const outputs = yield* session.run({
      feeds: Object.fromEntries(Object.entries(taken.feeds).filter(([name]) => inputs.has(name))),
      resident: { ...resident, ...taken.resident },
      fetch: tasks.map(outputOf),
    })
    places.forEach((place, row) => {
      const tokens = Batch.lengthOf(examples[place]!)
      results[place] = Object.fromEntries(tasks.map((task) => [task, rowOf(outputs[outputOf(task)]!, row, tokens)]))
    })
  }
  return results
})

/** One example's part of `[batch, classes]` or `[batch, tokens, classes]`, padding cut off. */
const rowOf = (tensor: Tensor.Tensor, row: number, tokens: number): Float32Array => {
  const perExample = tensor.shape.slice(1).reduce((product, length) => product * length, 1)
  const classes = tensor.shape.at(-1)!
  const kept = tensor.shape.length === 2 ? classes : tokens * classes
  return (tensor.data as Float32Array).slice(row * perExample, row * perExample + kept)
}

/** Place of the largest score; the first of equals. */
export const best = (scores: ArrayLike<number>): number => {
  let at = 0
  for (let each = 1; each < scores.length; each++) if (scores[each]! > scores[at]!) at = each
  return at
}

/** softmax, in float64. */
export const probabilities = (scores: ArrayLike<number>): ReadonlyArray<number> => {
  const most = Math.max(...Array.from(scores))
  const exponentials = Array.from(scores, (score) => Math.exp(score - most))
  const sum = exponentials.reduce((total, each) => total + each, 0)
  return exponentials.map((each) => each / sum)
}

/**
 * The class of every word of a token task: that of its first piece. A word without a piece of its own (cut off at the
 * length limit, or all characters removed) gets `outside`.
 */
export const perWord = (
  scores: Float32Array,
  classes: number,
  encoding: Batch.EncodedExample["encoding"],
  words: number,
  outside: number,
): ReadonlyArray<{ readonly label: number; readonly token: number | undefined }> => {
  const found = Array.from({ length: words }, () => ({ label: outside, token: undefined as number | undefined }))
  encoding.words.forEach((word, token) => {
    if (word < 0 || encoding.words[token - 1] === word) return
    found[word] = { label: best(scores.subarray(token * classes, (token + 1) * classes)), token }
  })
  return found
}
