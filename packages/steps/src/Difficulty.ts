/** Scores of how hard training examples are, for a curriculum: `Sample.curriculum({ by: Sample.score({ name }) })`. */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Step from "@thaw/core/Step"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import { Sessions } from "@thaw/onnx/Session"
import { Effect, Schema } from "effect"
import * as Batch from "./Batch.ts"
import * as Environment from "./Environment.ts"
import * as Outcomes from "./heads/Outcomes.ts"
import * as Inference from "./Inference.ts"

/**
 * `Difficulty.loss({ checkpoint, examples: train, task: "topic", name: "hard" })`: the same examples with one more score,
 * the loss of each by a checkpoint that was trained before, perhaps a smaller one. Of tags it is the mean over words.
 * Examples without a label for the task have no score.
 *
 * Fails when the checkpoint has no head for the task, when the examples have no labels for it or one that the head does not
 * know, and when they have a task of that name.
 */
export const loss = Step.make({
  name: "Difficulty.loss",
  version: "3",
  input: {
    checkpoint: Checkpoint.Checkpoint,
    examples: Dataset.TrainExamples,
    task: Schema.String,
    name: Schema.String,
  },
  output: Dataset.TrainExamples,
  environment: Environment.sessions,
  run: Effect.fnUntraced(function* ({ checkpoint, examples, task, name }) {
    const { label, scratch } = yield* Step.StepRun
    const told = Dataset.tasksOf(examples)
    if (Dataset.namesOf(told).includes(name)) {
      return yield* new InvalidData({
        where: `${label}, name`,
        expected: "a name that no task has yet",
        got: Problem.list([name]),
        advice: "",
      })
    }
    const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
    const encoding = { tokenizer, limit: { maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer) } }
    if (Object.hasOwn(checkpoint.heads, task) && !Head.isLabelled(checkpoint.heads[task]!)) {
      return yield* new InvalidData({
        where: `${label}, task ${task}`,
        expected: "a task whose examples carry labels",
        got:
          checkpoint.heads[task]!.kind === "maskedTokens"
            ? "one that asks for hidden tokens"
            : "one whose loss is of pairs, and of their batch",
        advice: "",
      })
    }
    const [corpus] = yield* Batch.encode({ [task]: examples }, checkpoint.heads, encoding, label)
    const device = yield* (yield* Sessions).open
    yield* device.load((yield* Checkpoint.onDisk(checkpoint, scratch)).weights)
    const answering = yield* Inference.open(device, checkpoint, tokenizer.padId)
    const labelled = corpus!.examples.filter((example) => Batch.isLabelled(example, task))
    const answers = yield* Inference.logits(answering, labelled, [task])
    const head = checkpoint.heads[task]!
    const { loss } = Outcomes.of(head)
    const losses = new Map(
      labelled.map((example, at) => [example.id, loss(task, head, { example, scores: answers[at]![task]! })]),
    )
    // The rows are those of training examples, with a score more.
    return Dataset.fromRows(scored(examples, name, losses), {
      ...told,
      scores: [...(told.scores ?? []), name],
    }) as Dataset.TrainExamples
  }, Effect.scoped),
})

function* scored(
  examples: Dataset.Dataset,
  name: string,
  scoreOf: ReadonlyMap<string, number>,
): Generator<Dataset.Example> {
  for (const row of Dataset.rowsOf(examples)) {
    const score = scoreOf.get(row.id)
    yield score === undefined ? row : { ...row, scores: { ...row.scores, [name]: score } }
  }
}
