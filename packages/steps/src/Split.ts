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
import { InvalidData } from "@thaw/core/Errors"
import { Fingerprints } from "@thaw/core/Fingerprints"
import * as Problem from "@thaw/core/Problem"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as NormalisedText from "./NormalisedText.ts"
import * as Overlap from "./Overlap.ts"
import * as Deal from "./split/Deal.ts"
import * as Parts from "./split/Parts.ts"
import * as Units from "./split/Units.ts"

export { byGroup } from "./split/ByGroup.ts"
export { byTime } from "./split/ByTime.ts"
export { kFold } from "./split/KFold.ts"

/**
 * `Split.stratified({ examples, validation: 0.1, test: 0.2 })`. Strata are the combinations of the labels of all tasks,
 * no label being one too (for tags: whether there are any; scores make none), so a scarce task is spread evenly; `by` takes
 * one task only.
 *
 * Fails with `PipelineInvalid` when the shares leave nothing to train on, with `InvalidData` when there are too few
 * texts for a part that has a share.
 */
export const stratified = Step.make({
  name: "Split.stratified",
  version: "2",
  input: {
    examples: Dataset.Examples,
    by: Schema.optionalKey(Schema.String),
    validation: Parts.Share,
    test: Parts.Share,
    seed: Seed.fromRun,
  },
  output: Parts.output,
  run: Effect.fnUntraced(function* ({ examples, by, validation, test, seed }) {
    const where = "Split.stratified"
    yield* Parts.requireShares(where, validation, test)
    if (by !== undefined) yield* Dataset.requireTask(examples, by, where)
    const dealt = Deal.deal(examples, { validation, test, by, seed })
    yield* requireFilled(where, "validation", validation, dealt)
    yield* requireFilled(where, "test", test, dealt)
    return Dataset.dealt(examples, Parts.names, dealt.partOf)
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
  version: "2",
  input: {
    train: Dataset.Examples,
    test: Dataset.Examples,
    validation: Schema.optionalKey(Parts.Share),
    overlap: Schema.optionalKey(Schema.Literals(["refuse", "dropFromTrain"])),
    seed: Seed.fromRun,
  },
  output: Parts.output,
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
    const testTexts = new Fingerprints()
    for (const row of Dataset.rowsOf(test)) testTexts.add(NormalisedText.ofExample(row), 0)
    const dealt = Deal.deal(train, { validation, test: 0, by: undefined, seed }, testTexts)
    yield* requireFilled(where, "validation", validation, dealt)
    yield* requireTrained(where, dealt.trained, test)
    return {
      ...Dataset.dealt(train, ["train", "validation"], dealt.partOf as (at: number) => "train" | "validation"),
      test: Dataset.dealt(test, ["train", "test"], () => "test").test,
    }
  }),
})

const requireFilled = (
  where: string,
  part: "validation" | "test",
  share: number,
  { rows, texts }: Deal.Dealt,
): Effect.Effect<void, InvalidData> =>
  share === 0 || rows[part] > 0
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where,
          expected: `enough different texts for a ${part} part of ${share}`,
          got: `${texts}`,
          advice: "Add examples, raise the share or set it to 0.",
        }),
      )

/** Fails when a test example carries a label or tag that no training example carries: no score could be fair. */
const requireTrained = (
  where: string,
  trained: ReadonlySet<string>,
  test: Dataset.Dataset,
): Effect.Effect<void, InvalidData> => {
  const unseen = new Map<string, string>()
  for (const row of Dataset.rowsOf(test)) {
    for (const key of Units.keysOf(row)) if (!trained.has(key) && !unseen.has(key)) unseen.set(key, row.id)
  }
  const [first] = unseen
  if (first === undefined) return Effect.void
  const pairOf = (key: string) => JSON.parse(key) as [task: string, label: string]
  const [task, label] = pairOf(first[0])
  const others = unseen.size - 1
  const known = [...trained].map(pairOf).flatMap((pair) => (pair[0] === task ? [pair[1]] : []))
  return Effect.fail(
    new InvalidData({
      where,
      expected: `every label of the test part in training`,
      got:
        `${JSON.stringify(label)} of task ${JSON.stringify(task)} only in test (example ${first[1]})` +
        (others === 0 ? "" : ` and ${others} more such labels`),
      advice: `Training knows ${Problem.list(known.sort())}.`,
    }),
  )
}
