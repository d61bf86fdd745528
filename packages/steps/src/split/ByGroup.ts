/**
 * Splits that keep groups whole: all of a customer's tickets, a patient's notes or a document's sentences are on one
 * side, so that scores say how well new customers, patients or documents are answered.
 *
 * Groups that share a text are dealt out together, since a text is on one side too. Such units are ranked by a number that
 * follows from the seed and the group's name alone; in that order they go to test while the middle of a unit is within
 * test's share of all examples, to validation while it is within that of both, and to training from there on. So a share
 * is exact to half of the unit at its border, further examples of a group move only units at the borders, and the order
 * of rows moves none.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import { Effect, Schema } from "effect"
import * as Texts from "../Texts.ts"
import * as Parts from "./Parts.ts"
import * as Units from "./Units.ts"

/**
 * `Split.byGroup({ examples, group: "customer", validation: 0.1, test: 0.2 })`: `customer` is a column that was kept when
 * the examples were loaded. An example without a group goes where its text goes.
 *
 * A part that has a share has at least one group; a group that alone carries some label or tag is trained on.
 *
 * Fails with `PipelineInvalid` when the shares leave nothing to train on, with `InvalidData` on a column that was not kept
 * and when there are too few groups that share no text.
 */
export const byGroup = Step.make({
  name: "Split.byGroup",
  version: "1",
  input: {
    examples: Dataset.Examples,
    group: Schema.String,
    validation: Parts.Share,
    test: Parts.Share,
    seed: Seed.fromRun,
  },
  output: Parts.output,
  run: Effect.fnUntraced(function* ({ examples, group, validation, test, seed }) {
    const where = "Split.byGroup"
    yield* Parts.requireShares(where, validation, test)
    yield* Dataset.requireKept(examples, group, where)
    const units = Units.ofGroups(examples, ({ kept = {} }) => kept[group], seed)
    const dealt = deal(units, { validation, test })
    Parts.trainFirst(units, dealt)
    yield* Parts.requireFilled(dealt, { validation, test }, (part, share) => tooFew(where, units, part, share))
    return Parts.of(examples, units, dealt)
  }),
})

const deal = (units: Units.Units, { validation, test }: { readonly validation: number; readonly test: number }) => {
  const order = Units.ranked(
    units,
    Array.from({ length: units.count }, (_, unit) => unit),
  )
  const all = units.of.length
  const dealt = Parts.undealt(units)
  let before = 0
  for (const unit of order) {
    const middle = before + units.sizes[unit]! / 2
    if (middle < test * all) dealt[unit] = "test"
    else if (middle < (test + validation) * all) dealt[unit] = "validation"
    before += units.sizes[unit]!
  }
  // The first unit may be larger than a share.
  for (const [part, share] of [
    ["test", test],
    ["validation", validation],
  ] as const) {
    if (share === 0 || dealt.includes(part)) continue
    const next = order.find((unit) => dealt[unit] === "train")
    if (next !== undefined) dealt[next] = part
  }
  return dealt
}

const tooFew = (where: string, units: Units.Grouped, part: Parts.Part, share: number) =>
  new InvalidData({
    where,
    expected:
      part === "train" ? "groups to train on besides those held out" : `enough groups for a ${part} part of ${share}`,
    got:
      `${units.groups} groups` +
      (units.shared === undefined
        ? ""
        : `, dealt out as ${units.count} because they share texts such as ${Texts.shown(units.shared)}`),
    advice:
      units.shared === undefined
        ? "Add groups, or set a share to 0."
        : "Leave each text in one of them, as Clean.duplicates does, or add groups.",
  })
