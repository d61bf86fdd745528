/**
 * Test examples that a checkpoint has not seen: a score on texts that any of its phases trained on measures memory, so
 * they are refused unless the author says otherwise.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as TextSet from "@thaw/models/TextSet"
import { Effect, Schema } from "effect"
import * as NormalisedText from "./NormalisedText.ts"
import * as Texts from "./Texts.ts"

/** What becomes of test texts that were trained on; refused unless given. */
export const Overlap = Schema.Literals(["refuse", "dropFromTest", "allow"])
export type Overlap = typeof Overlap.Type

export interface Unseen {
  /** What to score. Tasks that shared a dataset still do. */
  readonly test: Texts.ByTask<Dataset.HeldOutExamples>
  /** Share of the labelled examples of each task whose texts were trained on; of no task where that is not known. */
  readonly overlap: Readonly<Record<string, number>>
}

/**
 * Fails with `InvalidData` on a test text that was trained on, unless `overlap` says otherwise. That a checkpoint does
 * not know its texts is told as a notice.
 *
 * @param where names the step, for messages
 */
export const of = Effect.fnUntraced(function* (
  checkpoint: Checkpoint.Checkpoint,
  test: Texts.ByTask<Dataset.HeldOutExamples>,
  overlap: Overlap = "refuse",
  where: string,
) {
  const notice = Effect.fnUntraced(function* (message: string) {
    yield* (yield* RunEvents).emit({ _tag: "noticed", step: where, message })
  })
  const texts = Checkpoint.trainedTexts(checkpoint)
  if (texts === undefined) {
    yield* notice(
      "whether the test texts were trained on is unknown: the checkpoint does not say what it was trained on",
    )
    return { test, overlap: {} } satisfies Unseen
  }
  const { count, of: all, first } = Texts.measure(test, texts)
  if (first === undefined) return { test, overlap: sharesOf(test, texts) } satisfies Unseen
  const found = `${count} of ${all} test examples`
  if (overlap === "refuse") {
    return yield* new InvalidData({
      where,
      expected: "test texts that no phase trained on",
      got: `${found} with texts that one did, first ${Texts.shown(first.text)} (task ${JSON.stringify(first.task)}, example ${first.id})`,
      advice: 'Split the data of all tasks together, or pass overlap: "dropFromTest" or overlap: "allow".',
    })
  }
  const left = overlap === "allow" ? test : without(test, texts)
  yield* notice(
    overlap === "allow"
      ? `scores measure memory too: ${found} have texts that were trained on`
      : `${found} left out, whose texts were trained on`,
  )
  return { test: left, overlap: sharesOf(left, texts) } satisfies Unseen
})

const sharesOf = (
  test: Texts.ByTask<Dataset.HeldOutExamples>,
  texts: TextSet.TextSet,
): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(test).map(([task, dataset]) => {
      const { count, of: all } = Texts.measure({ [task]: dataset }, texts)
      return [task, all === 0 ? 0 : count / all]
    }),
  )

const without = (test: Texts.ByTask<Dataset.HeldOutExamples>, texts: TextSet.TextSet) => {
  const left: Record<string, Dataset.HeldOutExamples> = {}
  for (const [dataset, tasks] of Texts.joint(test)) {
    const rest = Dataset.filter(dataset, (row) => !TextSet.has(texts, NormalisedText.key(row)))
    for (const task of tasks) left[task] = rest
  }
  return left
}
