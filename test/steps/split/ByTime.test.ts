import * as Split from "@thaw/steps/Split"
import * as Instant from "@thaw/steps/split/Instant"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure } from "../running.ts"
import * as Splitting from "./splitting.ts"

const shares = { validation: 0.1, test: 0.2 }
type Options = Partial<Parameters<typeof Split.byTime.run>[0]>

const raw = (rows: ReadonlyArray<Splitting.Row>, options: Options = {}) =>
  Split.byTime.run({ examples: Splitting.dataset(rows), time: "day", ...shares, ...options })
const split = (rows: ReadonlyArray<Splitting.Row>, options: Options = {}) => Splitting.run(raw(rows, options))

const at = (days: ReadonlyArray<number | string>): ReadonlyArray<Splitting.Row> =>
  days.map((day, row) => ({ id: `r${row}`, text: `text ${row}`, labels: { topic: "a" }, kept: { day: String(day) } }))

const dayOf = ({ kept }: Pick<Splitting.Row, "kept">): number => Number(kept!["day"])
const range = (rows: ReadonlyArray<Pick<Splitting.Row, "kept">>) => [
  Math.min(...rows.map(dayOf)),
  Math.max(...rows.map(dayOf)),
]

const days = fc
  .array(fc.integer({ min: 0, max: 40 }), { minLength: 10, maxLength: 80 })
  .filter((all) => new Set(all).size > 3)

describe("Split.byTime", () => {
  it("trains on the past and tests on the future, with no time on two sides, whatever the order of rows", async () => {
    await fc.assert(
      fc.asyncProperty(days, async (given) => {
        const rows = at(given)
        const parts = await split(rows)
        Splitting.expectPartition(parts, rows)
        expect(range(parts.train)[1]).toBeLessThan(range(parts.validation)[0]!)
        expect(range(parts.validation)[1]).toBeLessThan(range(parts.test)[0]!)
        expect(Splitting.placeOf(await split(rows.toReversed()))).toEqual(Splitting.placeOf(parts))
      }),
      { numRuns: 80 },
    )
  })

  it("comes as near to the shares as times allow", async () => {
    await fc.assert(
      fc.asyncProperty(days, async (given) => {
        const rows = at(given)
        const { test } = await split(rows, { validation: 0 })
        // Every other time to begin the test part with would be no nearer.
        const best = [...new Set(given)].toSorted((a, b) => a - b).slice(1).map((from) => Math.abs(given.filter((day) => day >= from).length - 0.2 * given.length)) // prettier-ignore
        expect(Math.abs(test.length - 0.2 * given.length)).toBeCloseTo(Math.min(...best), 9)
      }),
      { numRuns: 80 },
    )
    const exact = await split(at(Array.from({ length: 100 }, (_, day) => day)))
    expect([exact.train.length, exact.validation.length, exact.test.length]).toEqual([70, 10, 20])
  })

  it("moves nothing between parts when a later example is added, but from one part to the one before", async () => {
    const rows = at(Array.from({ length: 50 }, (_, day) => day))
    const before = Splitting.placeOf(await split(rows))
    const after = Splitting.placeOf(
      await split([...rows, ...at([99]).map((row) => ({ ...row, id: "n", text: "new" }))]),
    )
    const order = ["train", "validation", "test"]
    for (const { id } of rows) {
      const back = order.indexOf(before.get(id)!) - order.indexOf(after.get(id)!)
      expect([0, 1]).toContain(back)
    }
    expect(rows.filter(({ id }) => before.get(id) !== after.get(id)).length).toBeLessThanOrEqual(2)
  })

  const returning = [
    ...at(Array.from({ length: 10 }, (_, day) => day)),
    { id: "x", text: "TEXT 1", labels: { topic: "a" }, kept: { day: "9" } },
    { id: "y", text: "text 8 ", labels: { topic: "a" }, kept: { day: "9" } },
  ]

  it("refuses texts that come back in a later part, with how many there are and the first", async () => {
    expect((await failure(raw(returning, { validation: 0.2, test: 0.25 }))).message).toBe(
      'Split.byTime: expected no text of a part in an earlier one, got 2 of 5 held-out examples with such texts, first "TEXT 1" (example x). Pass overlap: "dropFromHeldOut" to leave these out, or overlap: "dropFromTrain" to leave out the earlier ones.',
    )
  })

  it("leaves them out on the side that it is told", async () => {
    const later = await split(returning, { validation: 0.2, test: 0.25, overlap: "dropFromHeldOut" })
    expect(later.test.map(({ id }) => id)).toEqual(["r9"])
    expect(later.notices).toEqual(["2 examples left out, whose texts are also in an earlier part"])
    const earlier = await split(returning, { validation: 0.2, test: 0.25, overlap: "dropFromTrain" })
    expect(earlier.test.map(({ id }) => id)).toEqual(["r9", "x", "y"])
    expect([...earlier.train, ...earlier.validation].map(({ id }) => id)).toEqual([
      "r0",
      "r2",
      "r3",
      "r4",
      "r5",
      "r6",
      "r7",
    ])
    expect(earlier.notices).toEqual(["2 examples left out, whose texts are also in a later part"])
    for (const parts of [later, earlier]) Splitting.expectApart(parts, Splitting.text)
  })

  it("reads dates with and without times, and numbers, but not both", async () => {
    const dates = ["2024-03-01", "2024-01-31T23:59", "2023-12", "2024-01-31 23:59:01", "2024-02-01T00:30:00+01:00"]
    const sorted = dates.toSorted((a, b) => Instant.parse(a)!.value - Instant.parse(b)!.value)
    expect(sorted).toEqual([dates[2], dates[4], dates[1], dates[3], dates[0]])
    expect(Instant.parse("2024-01-31T23:59")).toEqual({ kind: "date", value: Date.UTC(2024, 0, 31, 23, 59) })
    expect(Instant.parse(" 1e3 ")).toEqual({ kind: "number", value: 1000 })
    for (const odd of ["", "yesterday", "31.1.2024", "2024-13-01", "Infinity", "NaN"])
      expect(Instant.parse(odd)).toBeUndefined()
    expect((await failure(raw(at([1, 2, "soon"])))).message).toBe(
      'Split.byTime, example r2: expected a number in "day", as the examples before it have, got "soon".',
    )
    expect((await failure(raw(at(["2024-01-01", 2])))).message).toBe(
      'Split.byTime, example r1: expected a date in "day", as the examples before it have, got "2".',
    )
    expect((await failure(raw([{ id: "q", text: "q" }]))).message).toBe(
      'Split.byTime, example q: expected an ISO date or a number in "day", got none.',
    )
  })

  it("refuses too few times, and labels that only the future has", async () => {
    expect((await failure(raw(at([1, 1, 2])))).message).toBe(
      "Split.byTime: expected enough different times for three parts, got 2. Set a share to 0, or keep a column with finer times.",
    )
    expect((await split(at([1, 1, 2]), { validation: 0 })).test.map(({ id }) => id)).toEqual(["r2"])
    const novel = at(Array.from({ length: 10 }, (_, day) => day)).map((row, day) => (day === 9 ? { ...row, labels: { topic: "new" } } : row)) // prettier-ignore
    expect((await failure(raw(novel))).message).toBe(
      'Split.byTime: expected every label of later examples among the earlier ones, got "new" of task "topic" in test only. Training knows "a". Leave such labels out with Clean.labels, or move the border.',
    )
  })
})
