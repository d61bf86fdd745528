/** Evaluation on held-out examples: of a checkpoint's heads, and of an encoder that has none. */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as EncoderDigest from "@thaw/models/EncoderDigest"
import * as Head from "@thaw/models/Head"
import { type Device, Sessions } from "@thaw/onnx/Session"
import { Effect, Schema } from "effect"
import * as Batch from "./Batch.ts"
import * as Environment from "./Environment.ts"
import * as Evaluation from "./Evaluation.ts"
import * as Untrained from "./freeze/Untrained.ts"
import * as Inference from "./Inference.ts"
import * as Scores from "./Scores.ts"
import * as Transfer from "./Transfer.ts"
import * as Unseen from "./Unseen.ts"
import * as ZeroShot from "./ZeroShot.ts"

/**
 * `Evaluate.tasks({ trained, test: { topic: topics.test } })`: accuracy, macro-F1 and confusion matrix of every
 * classification task, entity precision, recall and F1 of every token task, average precision and F1 of tasks with
 * several labels, errors and correlations of numbers, and of sentence embeddings what fits their loss (see `Scores`), each
 * over the examples that carry its label.
 *
 * Fails when a task has no head or one that never trained, when no example carries its label, on a label that its head
 * was not trained for, and on a text that any phase of the checkpoint trained on; with `overlap: "dropFromTest"` such
 * examples are left out, with `"allow"` they are scored. Scores say their share.
 */
export const tasks = Step.make({
  name: "Evaluate.tasks",
  version: "3",
  input: {
    trained: Checkpoint.Checkpoint,
    test: Artifact.record(Dataset.HeldOutExamples),
    overlap: Schema.optionalKey(Unseen.Overlap),
  },
  output: Scores.kind,
  environment: Environment.sessions,
  run: Effect.fnUntraced(function* ({ trained, test: given, overlap: choice }) {
    const { label, scratch } = yield* Step.StepRun
    const events = yield* RunEvents
    const answered = Object.keys(given).filter(
      (task) => Object.hasOwn(trained.heads, task) && Head.hasWeights(trained.heads[task]!),
    )
    const untrained = Untrained.refusal(answered, Untrained.trained(trained.training), label)
    if (untrained !== undefined) return yield* untrained
    const { test, overlap } = yield* Unseen.of(trained, given, choice, label)
    const tokenizer = yield* Checkpoint.tokenizer(trained)
    const encoding = { tokenizer, limit: { maxTokens: Checkpoint.maxTokens(trained, tokenizer) } }
    const corpora = yield* Batch.encode(test, trained.heads, encoding, label)
    const sessions = yield* Sessions
    const device = yield* sessions.open
    yield* device.load((yield* Checkpoint.onDisk(trained, scratch)).weights)
    yield* sayElsewhere(device, trained, answered, label)
    const answering = yield* Inference.open(device, trained, tokenizer.padId)
    const scores = yield* Evaluation.scores(answering, corpora)
    for (const { task, examples, metrics } of scores) {
      yield* Evaluation.requireExamples(examples, task, label)
      yield* events.emit({ _tag: "evaluated", step: label, phase: null, task, split: "test", metrics })
    }
    return { tasks: scores.map((each) => ({ ...each, ...shareOf(overlap, each.task) })) }
  }, Effect.scoped),
})

/** Heads that were trained on the encoder as it was once, or on another. */
const sayElsewhere = Effect.fnUntraced(function* (
  device: Device,
  { config, training: { trainedOn = {} } }: Checkpoint.Checkpoint,
  tasks: ReadonlyArray<string>,
  label: string,
) {
  const { emit } = yield* RunEvents
  if (tasks.every((task) => trainedOn[task] === undefined)) return
  const encoder = EncoderDigest.joined(yield* device.digest(EncoderDigest.names(config)))
  for (const message of tasks.flatMap((task) => Transfer.elsewhere(task, trainedOn[task], encoder))) {
    yield* emit({ _tag: "noticed", step: label, message })
  }
})

const shareOf = (shares: Unseen.Unseen["overlap"], task: string): Pick<Scores.TaskScores, "overlap"> =>
  Object.hasOwn(shares, task) ? { overlap: shares[task]! } : {}

/**
 * `Evaluate.zeroShot({ encoder, test, task, descriptions: { billing: "a question about an invoice", … }, pooling: "mean" })`:
 * how far an encoder gets without a head: each text gets the label whose description is most similar to it, by the cosine
 * of their vectors of the topmost block. Similarities are no probabilities, so there is no `loss`.
 *
 * Fails with fewer than two descriptions, when no example carries the task's label, on a label without description, and
 * on texts that the encoder was trained on, as `tasks` does.
 */
export const zeroShot = Step.make({
  name: "Evaluate.zeroShot",
  version: "3",
  input: {
    encoder: Checkpoint.Checkpoint,
    test: Dataset.HeldOutExamples,
    task: Schema.String,
    /** By label. */
    descriptions: Schema.Record(Schema.String, Schema.String),
    pooling: Schema.Literals(["mean", "cls"]),
    overlap: Schema.optionalKey(Unseen.Overlap),
  },
  output: Scores.kind,
  environment: Environment.sessions,
  run: Effect.fnUntraced(function* (given) {
    const { label } = yield* Step.StepRun
    const { task } = given
    const unseen = yield* Unseen.of(given.encoder, { [task]: given.test }, given.overlap, label)
    const scores = yield* ZeroShot.scores({ ...given, test: unseen.test[task]! }, label)
    const { emit } = yield* RunEvents
    yield* emit({
      _tag: "evaluated",
      step: label,
      phase: null,
      task,
      split: "test",
      metrics: scores.metrics,
    })
    return { tasks: [{ ...scores, ...shareOf(unseen.overlap, task) }] }
  }),
})
