/**
 * Splits by time: the past trains and the future tests, as it will be in use. Examples of one time are never on two sides.
 *
 * A border is a time: of all times that occur, the one for which the examples from it on come nearest to the share.
 * A text that comes back later would be trained on and tested. Such texts are refused unless the author says on which
 * side they are left out: nothing is ever moved across a border.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import { Fingerprints } from "@thaw/core/Fingerprints"
import * as Problem from "@thaw/core/Problem"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as NormalisedText from "../NormalisedText.ts"
import * as Texts from "../Texts.ts"
import * as Instant from "./Instant.ts"
import * as Parts from "./Parts.ts"

const where = "Split.byTime"

/**
 * `Split.byTime({ examples, time: "sentAt", validation: 0.1, test: 0.2 })`: the latest fifth tests, the tenth before it
 * validates, what came before trains. `sentAt` is a column that was kept when the examples were loaded, of ISO dates or
 * of numbers.
 *
 * Texts that come back in a later part are refused; with `overlap: "dropFromHeldOut"` their later examples are left out,
 * with `"dropFromTrain"` their earlier ones.
 *
 * Fails with `PipelineInvalid` when the shares leave nothing to train on; with `InvalidData` on a column that was not
 * kept, on an example without a time, on texts that come back, when there are too few different times, and on a label
 * that only later examples carry, since nothing could have learned it.
 */
export const byTime = Step.make({
  name: "Split.byTime",
  version: "1",
  input: {
    examples: Dataset.Examples,
    time: Schema.String,
    validation: Parts.Share,
    test: Parts.Share,
    overlap: Schema.optionalKey(Schema.Literals(["refuse", "dropFromTrain", "dropFromHeldOut"])),
  },
  output: Parts.output,
  run: Effect.fnUntraced(function* ({ examples, time, validation, test, overlap = "refuse" }) {
    yield* Parts.requireShares(where, validation, test)
    yield* Dataset.requireKept(examples, time, where)
    const times = yield* timesOf(examples, time)
    const borders = yield* bordersOf(times, { validation, test })
    const sideOf = (at: number) => (times[at]! >= borders.test ? 2 : times[at]! >= borders.validation ? 1 : 0)
    const texts = textsOf(examples, sideOf)
    if (overlap === "refuse") yield* requireOnce(examples, texts, sideOf)
    const isDropped = (at: number) => {
      const sides = texts.sides[texts.of[at]!]!
      const own = 1 << sideOf(at)
      return overlap === "dropFromTrain" ? sides > 2 * own - 1 : (sides & (own - 1)) !== 0
    }
    let dropped = 0
    for (let at = 0; at < times.length; at++) if (isDropped(at)) dropped++
    if (dropped > 0) {
      const message = `${dropped} examples left out, whose texts are also ${overlap === "dropFromTrain" ? "in a later" : "in an earlier"} part`
      yield* (yield* RunEvents).emit({ _tag: "noticed", step: where, message })
    }
    const parts = Dataset.dealt(examples, Parts.names, (at) => (isDropped(at) ? undefined : Parts.names[sideOf(at)]))
    yield* requireLeft(parts, { validation, test })
    yield* requireTrained(parts)
    return parts
  }),
})

/** The time of every example. Fails on the first without one and where some are dates and some numbers. */
const timesOf = Effect.fnUntraced(function* (examples: Dataset.Dataset, column: string) {
  const times = new Float64Array(examples.size)
  let kind: Instant.Instant["kind"] | undefined
  let at = 0
  for (const { id, kept = {} } of Dataset.rowsOf(examples)) {
    const written = kept[column]
    const instant = written === undefined ? undefined : Instant.parse(written)
    if (instant === undefined || (kind ?? instant.kind) !== instant.kind) {
      return yield* new InvalidData({
        where: `${where}, example ${id}`,
        expected:
          kind === undefined
            ? `an ISO date or a number in ${JSON.stringify(column)}`
            : `a ${kind} in ${JSON.stringify(column)}, as the examples before it have`,
        got: written === undefined ? "none" : JSON.stringify(written),
        advice: "",
      })
    }
    kind ??= instant.kind
    times[at++] = instant.value
  }
  return times
})

interface Shares {
  readonly validation: number
  readonly test: number
}

/** Times from which on examples validate and test. */
const bordersOf = Effect.fnUntraced(function* (times: Float64Array, { validation, test }: Shares) {
  const sorted = times.toSorted()
  /** The time that so large a share comes nearest to being from, above the lower and below the upper place. */
  const nearest = (share: number, from: number, to: number): number => {
    let best = -1
    for (let at = from; at < to; at++) {
      if (at === 0 || sorted[at] === sorted[at - 1]) continue
      if (best === -1 || Math.abs(sorted.length - at - share) < Math.abs(sorted.length - best - share)) best = at
    }
    return best
  }
  const all = sorted.length
  // With validation there are two borders: the first examples are of one time, those before it of another.
  const second = sorted.findIndex((time) => time !== sorted[0])
  const tested = test === 0 ? all : nearest(test * all, validation > 0 && second > 0 ? second + 1 : 1, all)
  const validated = validation === 0 ? tested : nearest((test + validation) * all, 1, tested)
  if (tested === -1 || validated === -1) {
    return yield* new InvalidData({
      where,
      expected: `enough different times for ${validation > 0 && test > 0 ? "three parts" : "two parts"}`,
      got: String(new Set(sorted).size),
      advice: "Set a share to 0, or keep a column with finer times.",
    })
  }
  return { test: sorted[tested] ?? Infinity, validation: sorted[validated] ?? Infinity }
})

interface TextSides {
  /** Text of the example at a place. */
  readonly of: Int32Array
  /** Of a text: a bit for each part that it is in, the earliest lowest. */
  readonly sides: Array<number>
}

const textsOf = (examples: Dataset.Dataset, sideOf: (at: number) => number): TextSides => {
  const texts = new Fingerprints()
  const of = new Int32Array(examples.size)
  const sides: Array<number> = []
  let at = 0
  for (const row of Dataset.rowsOf(examples)) {
    const known = texts.add(NormalisedText.ofExample(row), sides.length)
    const text = known === -1 ? sides.push(0) - 1 : known
    sides[text]! |= 1 << sideOf(at)
    of[at++] = text
  }
  return { of, sides }
}

/** Fails when a text is in two parts. */
const requireOnce = Effect.fnUntraced(function* (
  examples: Dataset.Dataset,
  { of, sides }: TextSides,
  sideOf: (at: number) => number,
) {
  let count = 0
  let first: { readonly id: string; readonly text: string } | undefined
  let held = 0
  let at = 0
  for (const row of Dataset.rowsOf(examples)) {
    const side = sideOf(at)
    if (side > 0) held++
    if ((sides[of[at++]!]! & ((1 << side) - 1)) === 0) continue
    count++
    first ??= { id: row.id, text: Dataset.textOf(row) }
  }
  if (first === undefined) return
  return yield* new InvalidData({
    where,
    expected: "no text of a part in an earlier one",
    got: `${count} of ${held} held-out examples with such texts, first ${Texts.shown(first.text)} (example ${first.id})`,
    advice:
      'Pass overlap: "dropFromHeldOut" to leave these out, or overlap: "dropFromTrain" to leave out the earlier ones.',
  })
})

/** Fails when nothing is left of a part once texts are left out. */
const requireLeft = Effect.fnUntraced(function* (parts: Dataset.Parts<Parts.Part>, { validation, test }: Shares) {
  const shares = { train: 1, validation, test }
  const empty = Parts.names.find((part) => shares[part] > 0 && Dataset.size(parts[part]) === 0)
  if (empty === undefined) return
  return yield* new InvalidData({
    where,
    expected: `something in ${empty} once texts that are in two parts are left out`,
    got: "nothing",
    advice: "Leave them out on the other side.",
  })
})

/** Fails when a held-out example carries a label or tag that no training example carries. */
const requireTrained = Effect.fnUntraced(function* (parts: Dataset.Parts<Parts.Part>) {
  const { labels, tags, labelSets = [] } = Dataset.tasksOf(parts.train)
  for (const task of [...labels, ...tags, ...labelSets]) {
    const known = Dataset.labelsOf(parts.train, task)
    for (const part of ["validation", "test"] as const) {
      const unseen = Dataset.labelsOf(parts[part], task).filter((label) => !known.includes(label))
      if (unseen.length === 0) continue
      return yield* new InvalidData({
        where,
        expected: "every label of later examples among the earlier ones",
        got: `${Problem.list(unseen)} of task ${JSON.stringify(task)} in ${part} only`,
        advice: `Training knows ${Problem.list(known) || "none"}. Leave such labels out with Clean.labels, or move the border.`,
      })
    }
  }
})
