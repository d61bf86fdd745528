import * as Seed from "@thaw/core/Seed"
import * as Split from "@thaw/steps/Split"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure } from "../running.ts"
import * as Splitting from "./splitting.ts"

const shares = { validation: 0.1, test: 0.2 }
type Options = Partial<Parameters<typeof Split.byGroup.run>[0]>

const raw = (rows: ReadonlyArray<Splitting.Row>, options: Options = {}) =>
  Split.byGroup.run({ examples: Splitting.dataset(rows), group: "customer", ...shares, seed: Seed.make(7), ...options })
const split = (rows: ReadonlyArray<Splitting.Row>, options: Options = {}) => Splitting.run(raw(rows, options))

/** Customers with so many tickets each. */
const tickets = (sizes: ReadonlyArray<number>): ReadonlyArray<Splitting.Row> =>
  sizes.flatMap((size, customer) =>
    Array.from({ length: size }, (_, at) => ({
      id: `${customer}.${at}`,
      text: `ticket ${at} of customer ${customer}`,
      labels: { topic: `c${at % 2}` },
      kept: { customer: `k${customer}` },
    })),
  )

const sizes = fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 25, maxLength: 60 })

describe("Split.byGroup", () => {
  it("puts every example in one part, no group and no text on two sides, and every label in training", async () => {
    const extra = fc.array(
      fc.record({
        word: fc.constantFrom("thanks", "Thanks ", "hello", "bye", "ticket 0 of customer 3"),
        customer: fc.option(fc.integer({ min: 0, max: 70 }), { nil: undefined }),
        mood: fc.constantFrom("good", "bad", "odd"),
      }),
      { maxLength: 10 },
    )
    await fc.assert(
      fc.asyncProperty(sizes, extra, fc.nat(), async (counts, others, seed) => {
        const rows = [
          ...tickets(counts),
          ...others.map(({ word, customer, mood }, at) => ({
            id: `x${at}`,
            text: word,
            labels: { mood },
            kept: customer === undefined ? {} : { customer: `k${customer}` },
          })),
        ]
        const parts = await split(rows, { seed: Seed.make(seed) })
        Splitting.expectPartition(parts, rows)
        Splitting.expectApart(parts, Splitting.text)
        Splitting.expectApart(parts, ({ kept }) => kept?.["customer"])
        Splitting.expectTrained(parts, rows)
      }),
      { numRuns: 60 },
    )
  })

  it("is as exact as its groups allow: to half of the largest one at each border", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), async (counts, seed) => {
        const rows = tickets(counts)
        const { test, validation } = await split(rows, { seed: Seed.make(seed) })
        const most = Math.max(...counts)
        expect(Math.abs(test.length - 0.2 * rows.length)).toBeLessThanOrEqual(most / 2)
        expect(Math.abs(test.length + validation.length - 0.3 * rows.length)).toBeLessThanOrEqual(most / 2)
      }),
      { numRuns: 60 },
    )
  })

  it("does not depend on the order of rows, and follows the seed", async () => {
    const rows = tickets(Array.from({ length: 40 }, (_, at) => 1 + (at % 5)))
    const place = Splitting.placeOf(await split(rows))
    expect(Splitting.placeOf(await split(rows.toReversed()))).toEqual(place)
    expect(Splitting.placeOf(await split(rows, { seed: Seed.make(8) }))).not.toEqual(place)
  })

  it("moves only groups at the borders when examples are added", async () => {
    await fc.assert(
      fc.asyncProperty(sizes, fc.integer({ min: 1, max: 6 }), fc.nat(), async (counts, added, seed) => {
        const rows = tickets(counts)
        const more = Array.from({ length: added }, (_, at) => ({
          id: `n${at}`,
          text: `new ${at}`,
          kept: { customer: "k0" },
        }))
        const options = { seed: Seed.make(seed) }
        const before = Splitting.placeOf(await split(rows, options))
        const after = Splitting.placeOf(await split([...rows, ...more], options))
        const moved = new Set(
          rows.filter(({ id }) => before.get(id) !== after.get(id)).map(({ kept }) => kept!["customer"]),
        )
        // The middle of a group moves against a border by as many examples as were added at most, and has at least one.
        expect(moved.size).toBeLessThanOrEqual(2 * (added + 1))
      }),
      { numRuns: 60 },
    )
  })

  it("gives every part at least one group", async () => {
    const parts = await split(tickets([10, 10, 10]))
    expect([parts.train.length, parts.validation.length, parts.test.length]).toEqual([10, 10, 10])
  })

  it("refuses too few groups, and says when shared texts join them", async () => {
    expect((await failure(raw(tickets([5, 5])))).message).toBe(
      "Split.byGroup: expected enough groups for a test part of 0.2, got 2 groups. Add groups, or set a share to 0.",
    )
    const joined = [
      ...tickets([3, 3, 3]),
      ...[0, 1, 2].map((customer) => ({ id: `t${customer}`, text: "Thanks", kept: { customer: `k${customer}` } })),
    ]
    expect((await failure(raw(joined))).message).toBe(
      'Split.byGroup: expected enough groups for a validation part of 0.1, got 3 groups, dealt out as 1 because they share texts such as "thanks". Leave each text in one of them, as Clean.duplicates does, or add groups.',
    )
  })

  it("refuses a column that was not kept, and shares that leave nothing to train on", async () => {
    expect((await failure(raw(tickets([1, 1, 1]), { group: "custmer" }))).message).toBe(
      'Split.byGroup: expected examples with the column "custmer" kept, got examples with "customer", "day" kept. Did you mean "customer"?',
    )
    expect(await failure(raw(tickets([1, 1]), { validation: 0.5, test: 0.5 }))).toMatchObject({
      _tag: "PipelineInvalid",
    })
  })
})
