import * as Seed from "@thaw/core/Seed"
import * as NormalisedText from "@thaw/steps/NormalisedText"
import * as Split from "@thaw/steps/Split"
import { fold } from "@thaw/steps/split/KFold"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure } from "../running.ts"
import * as Splitting from "./splitting.ts"

type Options = Partial<Parameters<typeof fold.run>[0]>

const foldOf = (rows: ReadonlyArray<Splitting.Row>, folds: number, number: number, options: Options = {}) =>
  fold.run({ examples: Splitting.dataset(rows), folds, fold: number, seed: Seed.make(7), ...options })

const all = (rows: ReadonlyArray<Splitting.Row>, folds: number, options: Options = {}) =>
  Promise.all(Array.from({ length: folds }, (_, at) => Splitting.run(foldOf(rows, folds, at + 1, options))))

/** Few texts in several spellings, scarce labels; and enough others. */
const mixed = fc
  .array(
    fc.record({
      word: fc.integer({ min: 0, max: 40 }),
      spelling: fc.constantFrom("text", "Text ", " TEXT", "ｔext"),
      labels: fc.record(
        { topic: fc.constantFrom("a", "b", "c"), mood: fc.constantFrom("x", "y") },
        { requiredKeys: [] },
      ),
    }),
    { maxLength: 40 },
  )
  .map((rows): ReadonlyArray<Splitting.Row> => [
    ...rows.map(({ word, spelling, labels }, at) => ({ id: `r${at}`, text: `${spelling} ${word}`, labels })),
    ...Array.from({ length: 30 }, (_, at) => ({ id: `o${at}`, text: `other ${at}`, labels: { topic: "a" } })),
  ])

const plain = (count: number): ReadonlyArray<Splitting.Row> =>
  Array.from({ length: count }, (_, at) => ({ id: `s${at}`, text: `t${at}`, labels: { topic: `c${at % 3}` } }))

describe("Split.kFold", () => {
  it("makes as many splits as it is asked for, each a step of its own", () => {
    const splits = Split.kFold({ examples: Splitting.dataset(plain(9)), folds: 3 })
    expect(splits.map(({ train, test }) => [train.call === test.call, test.call.arguments["fold"]])).toEqual([
      [true, 1],
      [true, 2],
      [true, 3],
    ])
  })

  it("puts every example in one part of each split, no text on two sides, and every label in training", async () => {
    await fc.assert(
      fc.asyncProperty(mixed, fc.integer({ min: 2, max: 5 }), fc.nat(), async (rows, folds, seed) => {
        for (const split of await all(rows, folds, { seed: Seed.make(seed), validation: 0.2 })) {
          Splitting.expectPartition(split, rows)
          Splitting.expectApart(split, Splitting.text)
          Splitting.expectTrained(split, rows)
        }
      }),
      { numRuns: 25 },
    )
  })

  it("holds every text out once, but for those that would take a label out of training", async () => {
    await fc.assert(
      fc.asyncProperty(mixed, fc.integer({ min: 2, max: 5 }), async (rows, folds) => {
        const foldOfRow = new Map(
          (await all(rows, folds)).flatMap(({ test }, at) => test.map(({ id }) => [id, at] as const)),
        )
        const texts = Map.groupBy(rows, ({ text }) => NormalisedText.of(text))
        const carry = (copies: ReadonlyArray<Splitting.Row>) =>
          new Set(copies.flatMap(({ labels = {} }) => Object.entries(labels).map(String)))
        for (const [text, copies] of texts) {
          if (foldOfRow.has(copies[0]!.id)) continue
          // It alone carries some label outside of the one fold that all others with it are tested in.
          const alone = [...carry(copies)].some((label) => {
            const others = [...texts].filter(([other, same]) => other !== text && carry(same).has(label))
            return new Set(others.map(([, same]) => foldOfRow.get(same[0]!.id))).size <= 1
          })
          expect(alone, text).toBe(true)
        }
        expect(foldOfRow.size).toBeGreaterThan(25)
      }),
      { numRuns: 25 },
    )
    const splits = await all(plain(60), 4)
    expect(splits.flatMap(({ test }) => test.map(({ id }) => id)).sort()).toEqual(
      plain(60)
        .map(({ id }) => id)
        .sort(),
    )
  })

  it("gives every label its share in every fold, within one text", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 30, max: 120 }), fc.integer({ min: 2, max: 6 }), async (count, folds) => {
        const rows = plain(count)
        for (const { test, validation } of await all(rows, folds, { validation: 0.1 })) {
          for (const topic of ["c0", "c1", "c2"]) {
            const isIn = ({ labels }: Pick<Splitting.Row, "labels">) => labels?.["topic"] === topic
            const exact = rows.filter(isIn).length
            expect(Math.abs(test.filter(isIn).length - exact / folds)).toBeLessThan(1 + 1e-9)
            expect(Math.abs(validation.filter(isIn).length - exact / 10)).toBeLessThan(1 + 1e-9)
          }
        }
      }),
      { numRuns: 12 },
    )
  })

  it("does not depend on the order of rows, and follows the seed", async () => {
    const places = async (rows: ReadonlyArray<Splitting.Row>, seed = 7) =>
      (await all(rows, 3, { seed: Seed.make(seed), validation: 0.1 })).map(Splitting.placeOf)
    const rows = plain(90)
    expect(await places(rows.toReversed())).toEqual(await places(rows))
    expect(await places(rows, 8)).not.toEqual(await places(rows))
  })

  it("moves at most one text at each border of a stratum for each text added to it, and none of other strata", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 2, max: 5 }), async (added, folds) => {
        const rows = plain(90)
        const more = Array.from({ length: added }, (_, at) => ({ id: `n${at}`, text: `new ${at}`, labels: { topic: "c1" } })) // prettier-ignore
        const foldOfRow = async (given: ReadonlyArray<Splitting.Row>) =>
          new Map((await all(given, folds)).flatMap(({ test }, at) => test.map(({ id }) => [id, at] as const)))
        const before = await foldOfRow(rows)
        const after = await foldOfRow([...more, ...rows])
        const moved = rows.filter(({ id }) => before.get(id) !== after.get(id))
        expect(moved.length).toBeLessThanOrEqual(added * (folds - 1))
        expect(moved.every(({ labels }) => labels!["topic"] === "c1")).toBe(true)
      }),
      { numRuns: 12 },
    )
  })

  it("refuses too few texts, a fold that there is not, and shares that leave nothing to train on", async () => {
    expect((await failure(foldOf(plain(2), 3, 1))).message).toBe(
      "Split.kFold 1 of 3: expected enough different texts for a test part in each of 3 folds, got 2. Add examples or make fewer folds.",
    )
    expect((await failure(foldOf(plain(9), 3, 4))).message).toBe(
      "Split.kFold 4 of 3: expected a fold from 1 to 3, got 4.",
    )
    expect((await failure(foldOf(plain(9), 2, 1, { validation: 0.5 }))).message).toBe(
      "Split.kFold 1 of 2: expected shares of validation and test that leave something to train on, got 0.5 and 0.5. Their sum must be below 1.",
    )
    expect((await failure(foldOf(plain(9), 2, 1, { by: "topics" }))).message).toContain('Did you mean "topic"?')
  })
})
