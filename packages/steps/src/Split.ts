/**
 * Splits: from examples to a training part and held-out parts, which have another type and can never be trained on.
 *
 * What is dealt out is a text, not a row: examples with the same normalised text always go to the same part, and an
 * example that carries labels for several tasks goes to one part for all of them.
 *
 * How a text finds its place. A stratum holds the texts with the same combination of labels. Inside it texts are ranked
 * by a number in [0, 1) that follows from the seed and the text alone. With n texts and a draw u in [0, 1) of the
 * stratum's own, the first ⌊test·n + u⌋ are the test part, those up to rank ⌊(test + validation)·n + u⌋ validation, the
 * rest training. So
 * - every share is within one text of exact in every stratum, and small strata round up as often as their share says,
 * - one more text moves at most two others of its stratum, and the order of rows moves none,
 * - the same seed gives the same parts.
 *
 * Training comes first: where all texts with some label or tag would be held out, the one of highest rank is trained on
 * (until another text with that label is).
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as NormalisedText from "./NormalisedText.ts"
import * as Overlap from "./Overlap.ts"

const Share = Schema.Number.check(Schema.isBetween({ minimum: 0, maximum: 1, exclusiveMaximum: true }))

const output = {
  train: Dataset.TrainExamples,
  validation: Dataset.HeldOutExamples,
  test: Dataset.HeldOutExamples,
} as const

/**
 * `Split.stratified({ examples, validation: 0.1, test: 0.2 })`. Strata are the combinations of the labels of all tasks,
 * no label being one too (for tags: whether there are any), so a scarce task is spread evenly; `by` takes one task only.
 *
 * Fails with `PipelineInvalid` when the shares leave nothing to train on, with `InvalidData` when there are too few
 * texts for a part that has a share.
 */
export const stratified = Step.make({
  name: "Split.stratified",
  version: "1",
  input: {
    examples: Dataset.Examples,
    by: Schema.optionalKey(Schema.String),
    validation: Share,
    test: Share,
    seed: Seed.fromRun,
  },
  output,
  run: Effect.fnUntraced(function* ({ examples, by, validation, test, seed }) {
    const where = "Split.stratified"
    if (validation + test >= 1) {
      return yield* new PipelineInvalid({
        where,
        expected: "shares of validation and test that leave something to train on",
        got: `${validation} and ${test}`,
        advice: "Their sum must be below 1.",
      })
    }
    if (by !== undefined) yield* Dataset.requireTask(examples, by, where)
    const rows = deal([...Dataset.rowsOf(examples)], { validation, test, by, seed })
    yield* requireFilled(where, "validation", validation, rows)
    yield* requireFilled(where, "test", test, rows)
    return Dataset.parts(examples, rows)
  }),
})

/**
 * `Split.given({ train, test })` for data with an official test part; validation is a share of `train`, 0.1 unless
 * given, dealt out as by `stratified`.
 *
 * A test text that also occurs in training is refused, or with `overlap: "dropFromTrain"` left out of training.
 *
 * Fails with `InvalidData` on overlap, and when the test part has a label that no training example carries.
 */
export const given = Step.make({
  name: "Split.given",
  version: "1",
  input: {
    train: Dataset.Examples,
    test: Dataset.Examples,
    validation: Schema.optionalKey(Share),
    overlap: Schema.optionalKey(Schema.Literals(["refuse", "dropFromTrain"])),
    seed: Seed.fromRun,
  },
  output,
  run: Effect.fnUntraced(function* ({ train, test, validation = 0.1, overlap = "refuse", seed }) {
    const where = "Split.given"
    const { shared, first } = Overlap.between(train, test)
    if (overlap === "refuse" && first !== undefined) {
      return yield* new InvalidData({
        where,
        expected: "no test text in training",
        got: `${shared}, first ${JSON.stringify(first.text)} (test ${first.heldOutId}, train ${first.trainId})`,
        advice: 'Pass overlap: "dropFromTrain" to leave them out of training.',
      })
    }
    const testRows = [...Dataset.rowsOf(test)]
    const testTexts = new Set(testRows.map(NormalisedText.ofExample))
    const own = [...Dataset.rowsOf(train)].filter((row) => !testTexts.has(NormalisedText.ofExample(row)))
    const dealt = deal(own, { validation, test: 0, by: undefined, seed })
    yield* requireFilled(where, "validation", validation, dealt)
    yield* requireTrained(where, dealt.train, testRows)
    const { train: trained, validation: validated } = Dataset.parts(train, {
      train: dealt.train,
      validation: dealt.validation,
    })
    return { train: trained, validation: validated, test: Dataset.parts(test, { train: [], test: testRows }).test }
  }),
})

type Part = "train" | "validation" | "test"
type Parts = Readonly<Record<Part, ReadonlyArray<Dataset.Example>>>

/** The examples with one normalised text. */
interface Text {
  readonly examples: Array<Dataset.Example>
  /** Uniform in [0, 1), from the seed and the text alone. */
  readonly rank: number
}

interface Shares {
  readonly validation: number
  readonly test: number
  readonly by: string | undefined
  readonly seed: Seed.Seed
}

/** Every example to its part, in the order given. */
const deal = (rows: ReadonlyArray<Dataset.Example>, { validation, test, by, seed }: Shares): Parts => {
  const texts = new Map<string, Text>()
  const textOfRow = rows.map((row) => {
    const normalised = NormalisedText.ofExample(row)
    const text = texts.get(normalised) ?? { examples: [], rank: Seed.fraction(seed, "text", normalised) }
    texts.set(normalised, text)
    text.examples.push(row)
    return text
  })
  const partOf = new Map<Text, Part>()
  for (const [stratum, members] of Map.groupBy(texts.values(), ({ examples }) => stratumOf(examples, by))) {
    const offset = Seed.fraction(seed, "stratum", stratum)
    const testEnd = Math.floor(test * members.length + offset)
    const validationEnd = Math.floor((test + validation) * members.length + offset)
    byRank(members).forEach((text, place) =>
      partOf.set(text, place < testEnd ? "test" : place < validationEnd ? "validation" : "train"),
    )
  }
  trainFirst(partOf)
  const parts: Record<Part, Array<Dataset.Example>> = { train: [], validation: [], test: [] }
  rows.forEach((row, index) => parts[partOf.get(textOfRow[index]!)!].push(row))
  return parts
}

const byRank = (texts: Iterable<Text>): ReadonlyArray<Text> => [...texts].sort((a, b) => a.rank - b.rank)

/** What the labels of a text's examples are, task by task; several different ones are a combination of their own. */
const stratumOf = (examples: ReadonlyArray<Dataset.Example>, by: string | undefined): string => {
  const pairs = examples.flatMap(labelled).filter(([task]) => by === undefined || task === by)
  return [...new Set(pairs.map((pair) => JSON.stringify(pair)))].sort().join()
}

const labelled = ({ labels, tags }: Dataset.Example): ReadonlyArray<readonly [task: string, label: string]> => [
  ...Object.entries(labels),
  ...Object.keys(tags).map((task) => [task, "tagged"] as const),
]

/** Moves a text to training for every label and tag that only held-out texts carry. */
const trainFirst = (partOf: Map<Text, Part>): void => {
  const carried = new Set<string>()
  for (const [text, part] of partOf) {
    if (part === "train") for (const key of keysOf(text.examples)) carried.add(key)
  }
  for (const text of byRank(partOf.keys()).toReversed()) {
    const keys = keysOf(text.examples)
    if (partOf.get(text) === "train" || keys.every((key) => carried.has(key))) continue
    partOf.set(text, "train")
    for (const key of keys) carried.add(key)
  }
}

/** A key for every label and every tag that the examples carry. */
const keysOf = (examples: ReadonlyArray<Dataset.Example>): ReadonlyArray<string> =>
  examples.flatMap(({ labels, tags }) => [
    ...Object.entries(labels).map((pair) => JSON.stringify(pair)),
    ...Object.entries(tags).flatMap(([task, sequence]) =>
      [...new Set(sequence)].map((tag) => JSON.stringify([task, tag])),
    ),
  ])

const requireFilled = (
  where: string,
  part: "validation" | "test",
  share: number,
  rows: Parts,
): Effect.Effect<void, InvalidData> =>
  share === 0 || rows[part].length > 0
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where,
          expected: `enough different texts for a ${part} part of ${share}`,
          got: `${new Set(Object.values(rows).flat().map(NormalisedText.ofExample)).size}`,
          advice: "Add examples, raise the share or set it to 0.",
        }),
      )

/** Fails when a test example carries a label or tag that no training example carries: no score could be fair. */
const requireTrained = (
  where: string,
  train: ReadonlyArray<Dataset.Example>,
  test: ReadonlyArray<Dataset.Example>,
): Effect.Effect<void, InvalidData> => {
  const trained = new Set(keysOf(train))
  const unseen = test.flatMap((row) => keysOf([row]).flatMap((key) => (trained.has(key) ? [] : [{ row, key }])))
  const [first] = unseen
  if (first === undefined) return Effect.void
  const [task, label] = JSON.parse(first.key) as [string, string]
  const others = new Set(unseen.map(({ key }) => key)).size - 1
  return Effect.fail(
    new InvalidData({
      where,
      expected: `every label of the test part in training`,
      got:
        `${JSON.stringify(label)} of task ${JSON.stringify(task)} only in test (example ${first.row.id})` +
        (others === 0 ? "" : ` and ${others} more such labels`),
      advice: `Training knows ${Problem.list(labelsOf(train, task))}.`,
    }),
  )
}

const labelsOf = (rows: ReadonlyArray<Dataset.Example>, task: string): ReadonlyArray<string> =>
  [...new Set(rows.flatMap(({ labels, tags }) => tags[task] ?? labels[task] ?? []))].sort()
