/**
 * What texts a phase trains on, and that none of them is held out: not for the task it trains and not for another, not in
 * this phase and not trained on by an earlier one.
 *
 * A text trains when an example that carries a label of a task drawn has it. An augmented copy counts with its own text
 * and with the one that its origin's id was derived from.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as TextSet from "@thaw/models/TextSet"
import { Effect } from "effect"
import * as NormalisedText from "../NormalisedText.ts"
import * as Texts from "../Texts.ts"
import type { Overlap } from "./Settings.ts"

export interface Given {
  readonly checkpoint: Checkpoint.Checkpoint
  /** Of the tasks drawn, rehearsed ones among them. */
  readonly train: Texts.ByTask<Dataset.TrainExamples>
  readonly validation: Texts.ByTask<Dataset.HeldOutExamples>
  readonly overlap: Overlap
}

export interface Apart {
  /** What to train on, without what was left out of it. Tasks that shared a dataset still do. */
  readonly train: Texts.ByTask<Dataset.TrainExamples>
  /** Texts trained on, those of earlier phases among them; undefined where those are not known. */
  readonly texts: TextSet.TextSet | undefined
}

/**
 * Fails with `InvalidData` on a text that is held out and trains, unless `overlap` says otherwise; what it says is done
 * with such texts is told as a notice.
 *
 * @param where names the step, for messages
 */
export const of = Effect.fnUntraced(function* (given: Given, where: string) {
  const { checkpoint, train, validation, overlap } = given
  const earlier = Checkpoint.trainedTexts(checkpoint)
  const notice = Effect.fnUntraced(function* (message: string) {
    yield* (yield* RunEvents).emit({ _tag: "noticed", step: where, message })
  })
  if (overlap === "dropFromTrain") {
    yield* requireUnseen(validation, earlier ?? TextSet.empty, where)
    const { kept, dropped } = without(train, TextSet.from(Texts.keys(validation)))
    if (dropped > 0) yield* notice(`${dropped} training examples left out, whose texts are held out for validation`)
    return { train: kept, texts: together(earlier, TextSet.from(trainedKeys(kept))) } satisfies Apart
  }
  const now = TextSet.from(trainedKeys(train))
  const texts = together(earlier, now)
  const shared = Texts.measure(validation, texts ?? now)
  if (shared.first === undefined) return { train, texts } satisfies Apart
  const found = `${shared.count} of ${shared.of} validation examples`
  if (overlap === "allow") {
    yield* notice(`scores on validation measure memory too: ${found} have texts that train or trained before`)
    return { train, texts } satisfies Apart
  }
  const { id, task, key, text } = shared.first
  const twin = ownerOf(train, key)
  return yield* new InvalidData({
    where: `${where}, validation`,
    expected: "no text that is held out for one task to train it or another",
    got:
      `${found} with such texts, first ${Texts.shown(text)} (held out for task ${JSON.stringify(task)} as ${id}, ` +
      `${twin === undefined ? "trained on by an earlier phase" : `trains task ${JSON.stringify(twin.task)} as ${twin.id}`})`,
    advice:
      twin === undefined
        ? 'Split the data of all tasks together, or pass overlap: "allow".'
        : 'Split the data of all tasks together, or pass overlap: "dropFromTrain" or overlap: "allow".',
  })
})

const together = (earlier: TextSet.TextSet | undefined, now: TextSet.TextSet): TextSet.TextSet | undefined =>
  earlier === undefined ? undefined : TextSet.union(earlier, now)

/** The texts that an example brings into training. */
const broughtBy = (row: Dataset.Example): ReadonlyArray<bigint> => {
  const origin = NormalisedText.keyOfId(row.origin)
  return origin === undefined ? [NormalisedText.key(row)] : [NormalisedText.key(row), origin]
}

function* trainedKeys(all: Texts.ByTask): Generator<bigint> {
  for (const { row } of Texts.labelled(all)) yield* broughtBy(row)
}

const ownerOf = (train: Texts.ByTask, key: bigint): { id: string; task: string } | undefined => {
  for (const { row, task } of Texts.labelled(train)) if (broughtBy(row).includes(key)) return { id: row.id, task }
  return undefined
}

/** Leaves out of training what is held out; what an earlier phase trained on cannot be. */
const requireUnseen = Effect.fnUntraced(function* (validation: Texts.ByTask, earlier: TextSet.TextSet, where: string) {
  const { count, of, first } = Texts.measure(validation, earlier)
  if (first === undefined) return
  return yield* new InvalidData({
    where: `${where}, validation`,
    expected: "no text that an earlier phase trained on",
    got: `${count} of ${of} validation examples with such texts, first ${Texts.shown(first.text)} (held out for task ${JSON.stringify(first.task)} as ${first.id})`,
    advice: 'Leave them out of the earlier phases too, or pass overlap: "allow".',
  })
})

const without = (train: Texts.ByTask<Dataset.TrainExamples>, held: TextSet.TextSet) => {
  let dropped = 0
  const kept: Record<string, Dataset.TrainExamples> = {}
  for (const [dataset, tasks] of Texts.joint(train)) {
    const read = Texts.reader(dataset, tasks)
    const isHeld = (row: Dataset.Example) =>
      read(row) !== undefined && broughtBy(row).some((key) => TextSet.has(held, key))
    let own = 0
    for (const row of Dataset.rowsOf(dataset)) if (isHeld(row)) own++
    const rest = own === 0 ? dataset : Dataset.filter(dataset, (row) => !isHeld(row))
    for (const task of tasks) kept[task] = rest
    dropped += own
  }
  return { kept, dropped }
}
