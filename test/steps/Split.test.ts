import * as Dataset from "@thaw/core/Dataset"
import * as Seed from "@thaw/core/Seed"
import * as NormalisedText from "@thaw/steps/NormalisedText"
import * as Split from "@thaw/steps/Split"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure, outcome } from "./running.ts"

type Row = Pick<Dataset.Example, "id" | "labels"> & { readonly text: string }

const tasks = { labels: ["topic", "mood"], tags: [] }

const dataset = (rows: ReadonlyArray<Row>) =>
  Dataset.examples(
    rows.map((row) => ({ ...row, origin: row.id, tags: {} })),
    tasks,
  )

/** Rows `0 … count`, with a topic each and a mood for every tenth. */
const support = (count: number, from = 0): ReadonlyArray<Row> =>
  Array.from({ length: count }, (_, at) => {
    const n = from + at
    const topic = ["technology", "service", "weather"][n % 3]!
    return {
      id: `s${n}`,
      text: `sentence number ${n}`,
      labels: n % 10 === 0 ? { topic, mood: ["good", "bad"][(n / 10) % 2]! } : { topic },
    }
  })

const shares = { validation: 0.1, test: 0.2 }

const split = async (rows: ReadonlyArray<Row>, options: Partial<Parameters<typeof Split.stratified.run>[0]> = {}) => {
  const parts = await outcome(
    Split.stratified.run({ examples: dataset(rows), ...shares, seed: Seed.make(7), ...options }),
  )
  return {
    train: [...Dataset.rowsOf(parts.train)],
    validation: [...Dataset.rowsOf(parts.validation)],
    test: [...Dataset.rowsOf(parts.test)],
  }
}

type Parts = Awaited<ReturnType<typeof split>>

const placeOf = (parts: Parts): ReadonlyMap<string, string> =>
  new Map(Object.entries(parts).flatMap(([part, rows]) => rows.map(({ id }) => [id, part] as const)))

const count = (rows: ReadonlyArray<Dataset.Example>, keep: (row: Dataset.Example) => boolean) =>
  rows.filter(keep).length

/** Rows of few texts, labels and spellings, so that duplicates and scarce combinations are common; and enough others. */
const rowsWithDuplicates = fc
  .array(
    fc.record({
      word: fc.integer({ min: 0, max: 60 }),
      spelling: fc.constantFrom("text", "Text ", " TEXT", "ｔext"),
      topic: fc.constantFrom("a", "b", "c", undefined),
      mood: fc.constantFrom("x", "y", undefined, undefined),
    }),
    { maxLength: 60 },
  )
  .map((rows): ReadonlyArray<Row> => [
    ...rows.map(({ word, spelling, topic, mood }, at) => ({
      id: `r${at}`,
      text: `${spelling} ${word}`,
      labels: { ...(topic === undefined ? {} : { topic }), ...(mood === undefined ? {} : { mood }) },
    })),
    ...Array.from({ length: 30 }, (_, at) => ({ id: `o${at}`, text: `other ${at}`, labels: { topic: "a" } })),
  ])

describe("Split.stratified", () => {
  it("puts every example in exactly one part, in the order given, and no text on two sides", async () => {
    await fc.assert(
      fc.asyncProperty(rowsWithDuplicates, fc.integer(), async (rows, seed) => {
        const parts = await split(rows, { seed: Seed.make(seed) })
        const ids = Object.values(parts).flatMap((part) => part.map(({ id }) => id))
        expect([...ids].sort()).toEqual(rows.map(({ id }) => id).sort())
        const order = new Map(rows.map(({ id }, at) => [id, at]))
        const partsOfText = new Map<string, Set<string>>()
        for (const [name, part] of Object.entries(parts)) {
          const places = part.map(({ id }) => order.get(id)!)
          expect(places).toEqual([...places].sort((a, b) => a - b))
          for (const row of part) {
            const text = NormalisedText.ofExample(row)
            partsOfText.set(text, (partsOfText.get(text) ?? new Set()).add(name))
          }
        }
        for (const [text, names] of partsOfText) expect(names.size, text).toBe(1)
      }),
      { numRuns: 60 },
    )
  })

  it("keeps every label of any task in training", async () => {
    await fc.assert(
      fc.asyncProperty(rowsWithDuplicates, fc.integer(), async (rows, seed) => {
        const parts = await split(rows, { seed: Seed.make(seed), validation: 0.3, test: 0.4 })
        for (const task of tasks.labels) {
          const all = new Set(rows.flatMap(({ labels }) => labels[task] ?? []))
          expect(new Set(parts.train.flatMap(({ labels }) => labels[task] ?? []))).toEqual(all)
        }
      }),
      { numRuns: 60 },
    )
  })

  it("gives every combination of labels its share in every part, within one example", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 60, max: 400 }), fc.integer(), async (size, seed) => {
        const rows = support(size)
        const parts = await split(rows, { seed: Seed.make(seed) })
        const exact = { train: 0.7, validation: 0.1, test: 0.2 }
        const strata = new Set(rows.map(({ labels }) => JSON.stringify(labels)))
        expect(strata.size).toBe(9)
        for (const stratum of strata) {
          const isIn = ({ labels }: Pick<Row, "labels">) => JSON.stringify(labels) === stratum
          for (const part of ["train", "validation", "test"] as const) {
            const off = count(parts[part], isIn) - exact[part] * rows.filter(isIn).length
            expect(Math.abs(off), `${stratum} in ${part}`).toBeLessThan(1 + 1e-9)
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  it("makes no strata of scores: they change nothing about where a text goes", async () => {
    const rows = support(200)
    const scored = Dataset.examples(
      rows.map((row, at) => ({ ...row, origin: row.id, tags: {}, scores: { hard: at / 7 } })),
      { ...tasks, scores: ["hard"] },
    )
    const idsOf = (parts: Parts) => Object.values(parts).map((part) => part.map(({ id }) => id))
    expect(idsOf(await split(rows, { examples: scored }))).toEqual(idsOf(await split(rows)))
    // Nothing to spread by: one stratum, shares exact to one text.
    const { test, validation } = await split(rows, { examples: scored, by: "hard" })
    expect(Math.abs(test.length - 40)).toBeLessThanOrEqual(1)
    expect(Math.abs(validation.length - 20)).toBeLessThanOrEqual(1)
  })

  it("holds out scarce combinations as often as the shares say, on average over seeds", async () => {
    // 60 combinations of two examples each: the test part expects 24 of 120.
    const rows = Array.from({ length: 120 }, (_, at) => ({
      id: `r${at}`,
      text: `t${at}`,
      labels: { topic: `c${at % 60}` },
    }))
    let held = 0
    for (let seed = 0; seed < 20; seed++) held += (await split(rows, { seed: Seed.make(seed) })).test.length
    expect(held / 20).toBeGreaterThan(21)
    expect(held / 20).toBeLessThan(27)
  })

  it("does not depend on the order of rows, and follows the seed", async () => {
    const rows = support(300)
    const place = placeOf(await split(rows))
    expect(placeOf(await split(rows.toReversed()))).toEqual(place)
    expect(placeOf(await split(rows))).toEqual(place)
    const other = placeOf(await split(rows, { seed: Seed.make(8) }))
    expect([...place].filter(([id, part]) => other.get(id) !== part).length).toBeGreaterThan(60)
  })

  it("moves at most two examples of a stratum for each example added to it, and none of other strata", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.integer(), async (added, seed) => {
        const rows = support(300)
        const more = Array.from({ length: added }, (_, at) => ({
          id: `n${at}`,
          text: `new ${at}`,
          labels: { topic: "weather" },
        }))
        const before = placeOf(await split(rows, { seed: Seed.make(seed) }))
        const after = placeOf(await split([...more, ...rows], { seed: Seed.make(seed) }))
        const moved = rows.filter(({ id }) => before.get(id) !== after.get(id))
        expect(moved.length).toBeLessThanOrEqual(2 * added)
        expect(moved.every(({ labels }) => labels["topic"] === "weather" && labels["mood"] === undefined)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  it("spreads one task only when told by which", async () => {
    const rows = Array.from({ length: 100 }, (_, at) => ({
      id: `r${at}`,
      text: `t${at}`,
      labels: { topic: at < 50 ? "a" : "b", mood: `m${at % 10}` },
    }))
    // 20 combinations of 5 would each be rounded for itself; two topics of 50 come out exact.
    const byTopic = await split(rows, { by: "topic" })
    expect(count(byTopic.test, ({ labels }) => labels["topic"] === "a")).toBe(10)
    expect(count(byTopic.test, ({ labels }) => labels["topic"] === "b")).toBe(10)
    expect(
      (await failure(Split.stratified.run({ examples: dataset(rows), ...shares, by: "topics", seed: Seed.make(1) })))
        .message,
    ).toContain('Did you mean "topic"?')
  })

  it("refuses shares that leave nothing to train on, and too few examples for a part", async () => {
    const run = (rows: ReadonlyArray<Row>, validation: number, test: number) =>
      failure(Split.stratified.run({ examples: dataset(rows), validation, test, seed: Seed.make(1) }))
    expect(await run(support(30), 0.5, 0.5)).toMatchObject({ _tag: "PipelineInvalid" })
    expect((await run(support(1), 0.1, 0.2)).message).toContain(
      "Split.stratified: expected enough different texts for a validation part of 0.1, got 1.",
    )
  })

  it("leaves a part with share 0 empty", async () => {
    expect((await split(support(50), { validation: 0 })).validation).toEqual([])
  })

  it("keeps every tag in training", async () => {
    const rows = Array.from({ length: 40 }, (_, at) => ({
      id: `r${at}`,
      origin: `r${at}`,
      tokens: [`w${at}`],
      labels: {},
      tags: { entities: [at === 3 ? "B-rare" : "O"] },
    }))
    const examples = Dataset.examples(rows, { labels: [], tags: ["entities"] })
    for (let seed = 0; seed < 20; seed++) {
      const parts = await outcome(Split.stratified.run({ examples, validation: 0.4, test: 0.4, seed: Seed.make(seed) }))
      expect(Dataset.labelsOf(parts.train, "entities")).toEqual(["B-rare", "O"])
    }
  })
})

describe("Split.given", () => {
  const run = (train: ReadonlyArray<Row>, test: ReadonlyArray<Row>, overlap?: "refuse" | "dropFromTrain") =>
    Split.given.run({
      train: dataset(train),
      test: dataset(test),
      seed: Seed.make(7),
      ...(overlap === undefined ? {} : { overlap }),
    })

  it("keeps the test part whole and takes a tenth of training for validation", async () => {
    const parts = await outcome(run(support(200), support(50, 1000)))
    expect(Array.from(Dataset.rowsOf(parts.test), ({ id }) => id)).toEqual(support(50, 1000).map(({ id }) => id))
    expect(Dataset.size(parts.train) + Dataset.size(parts.validation)).toBe(200)
    expect(Math.abs(Dataset.size(parts.validation) - 20)).toBeLessThanOrEqual(9)
  })

  const leaked = [...support(200), { id: "leak", text: " Sentence  NUMBER 1001", labels: { topic: "weather" } }]

  it("refuses a test text that is in training, and names it", async () => {
    const problem = await failure(run(leaked, support(50, 1000)))
    expect(problem._tag).toBe("InvalidData")
    expect(problem.message).toBe(
      'Split.given: expected no test text in training, got 1, first "sentence number 1001" (test s1001, train leak). Pass overlap: "dropFromTrain" to leave them out of training.',
    )
  })

  it("leaves it out of training when told to", async () => {
    const parts = await outcome(run(leaked, support(50, 1000), "dropFromTrain"))
    const ids = [...Dataset.rowsOf(parts.train), ...Dataset.rowsOf(parts.validation)].map(({ id }) => id)
    expect(ids.sort()).toEqual(
      support(200)
        .map(({ id }) => id)
        .sort(),
    )
    expect(Dataset.size(parts.test)).toBe(50)
  })

  it("refuses a label that only the test part has, and names it", async () => {
    const unseen = [...support(50, 1000), { id: "u", text: "unseen", labels: { topic: "sport" } }]
    expect((await failure(run(support(200), unseen))).message).toBe(
      'Split.given: expected every label of the test part in training, got "sport" of task "topic" only in test (example u). Training knows "service", "technology", "weather".',
    )
  })
})
