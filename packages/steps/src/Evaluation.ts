/** From scores to figures: how well held-out examples are answered, task by task. */
import { InvalidData } from "@thaw/core/Errors"
import type { SessionFailed } from "@thaw/onnx/Errors"
import { Effect } from "effect"
import type * as Batch from "./Batch.ts"
import { isLabelled, rowsOf } from "./Batch.ts"
import * as Outcome from "./heads/Outcome.ts"
import * as Outcomes from "./heads/Outcomes.ts"
import * as SentenceEmbedding from "./heads/SentenceEmbedding.ts"
import * as HiddenTokens from "./HiddenTokens.ts"
import * as Inference from "./Inference.ts"
import { heldOutSeed } from "./Masking.ts"
import type { TaskScores } from "./Scores.ts"

/** Scores of every task of every corpus, sorted by task. */
export const scores = Effect.fnUntraced(function* (
  answering: Inference.Answering,
  corpora: ReadonlyArray<Batch.Corpus>,
): Effect.fn.Return<ReadonlyArray<TaskScores>, SessionFailed> {
  const found: Array<TaskScores> = []
  for (const { tasks: all, examples, masks } of corpora) {
    for (const [task, mask] of Object.entries(masks)) {
      if (!all.includes(task)) continue
      found.push(masked(task, examples.length, yield* HiddenTokens.of(answering, task, examples, mask, heldOutSeed)))
    }
    const tasks = all.filter((task) => !Object.hasOwn(masks, task))
    if (tasks.length === 0) continue
    const labelled = examples.filter((example) => tasks.some((task) => isLabelled(example, task)))
    const rows = labelled.map(rowsOf)
    const logits = yield* Inference.logits(answering, rows.flat(), tasks)
    let row = 0
    const texts = rows.map((each) => logits.slice(row, (row += each.length)))
    for (const task of tasks) {
      const answers = labelled.flatMap((example, at) =>
        isLabelled(example, task) ? [{ example, vectors: texts[at]!.map((each) => each[task]!) }] : [],
      )
      const head = answering.heads[task]!
      found.push(
        head.kind === "sentenceEmbedding"
          ? SentenceEmbedding.figures(task, head, answers)
          : Outcomes.of(head).figures(
              task,
              head,
              answers.map(({ example, vectors: [scores] }) => ({ example, scores: scores! })),
            ),
      )
    }
  }
  return found.sort((a, b) => (a.task < b.task ? -1 : 1))
})

/** Figures of a task that asks for hidden tokens; perplexity is e to the mean surprise. */
const masked = (task: string, examples: number, { surprises, right }: HiddenTokens.Found): TaskScores => {
  const loss = Outcome.mean(surprises)
  return {
    task,
    head: "maskedTokens",
    examples,
    metrics: { accuracy: surprises.length === 0 ? 0 : right / surprises.length, loss, perplexity: Math.exp(loss) },
    majority: {},
    perLabel: [],
    confusion: [],
  }
}

/** Fails unless examples carry the task's label. */
export const requireExamples = (count: number, task: string, where: string): Effect.Effect<void, InvalidData> =>
  count > 0
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where: `${where}, task ${task}`,
          expected: "examples that carry its label",
          got: "none",
          advice: "Evaluate the tasks that the held-out part has labels for.",
        }),
      )
