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
import * as Features from "./Features.ts"
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
  const texts = Checkpoint.trainedTexts(checkpoint)
  if (texts === undefined) {
    yield* notice(where, unknown("checkpoint"))
    return { test, overlap: {} } satisfies Unseen
  }
  const { count, of: all, first } = Texts.measure(test, texts)
  if (first !== undefined) {
    const about = `${Texts.shown(first.text)} (task ${JSON.stringify(first.task)}, example ${first.id})`
    yield* judge(where, { count, all, first: about }, overlap)
  }
  const left = first === undefined || overlap === "allow" ? test : without(test, texts)
  return { test: left, overlap: sharesOf(left, texts) } satisfies Unseen
})

/**
 * The same for labelled rows of features, which carry no text: rows to score, and the share of them that was fitted on.
 *
 * @param texts that were fitted on; undefined where they are not known
 */
export const rows = Effect.fnUntraced(function* <R extends { readonly id: string; readonly row: number }>(
  texts: TextSet.TextSet | undefined,
  labelled: ReadonlyArray<R>,
  features: Features.Features,
  overlap: Overlap = "refuse",
  where: string,
) {
  const own = Features.textsOf(features)
  if (texts === undefined || own === undefined) {
    yield* notice(where, unknown(texts === undefined ? "classifier" : "test part"))
    return { rows: labelled, overlap: undefined }
  }
  const seen = labelled.filter(({ row }) => TextSet.has(texts, own[row]!))
  const [first] = seen
  if (first === undefined) return { rows: labelled, overlap: 0 }
  yield* judge(where, { count: seen.length, all: labelled.length, first: `example ${first.id}` }, overlap)
  if (overlap === "allow") return { rows: labelled, overlap: seen.length / labelled.length }
  return { rows: labelled.filter((each) => !seen.includes(each)), overlap: 0 }
})

const notice = Effect.fnUntraced(function* (step: string, message: string) {
  yield* (yield* RunEvents).emit({ _tag: "noticed", step, message })
})

const unknown = (what: string): string =>
  `whether the test texts were trained on is unknown: the ${what} does not say what ${what === "test part" ? "its texts are" : "it was trained on"}`

/** Fails, or tells what becomes of what was found. */
const judge = Effect.fnUntraced(function* (
  where: string,
  { count, all, first }: { readonly count: number; readonly all: number; readonly first: string },
  overlap: Overlap,
) {
  const found = `${count} of ${all} test examples`
  if (overlap === "refuse") {
    return yield* new InvalidData({
      where,
      expected: "test texts that nothing was trained on",
      got: `${found} with texts that were, first ${first}`,
      advice: 'Split the data of all tasks together, or pass overlap: "dropFromTest" or overlap: "allow".',
    })
  }
  yield* notice(
    where,
    overlap === "allow"
      ? `scores measure memory too: ${found} have texts that were trained on`
      : `${found} left out, whose texts were trained on`,
  )
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
