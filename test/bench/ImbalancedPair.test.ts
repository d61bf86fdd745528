/** The comparison of `bench/pipelines/imbalancedPair.ts`, on made-up examples: it says nothing here of which way helps. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Comparison from "@thaw/bench/pipelines/comparison/Comparison"
import * as Pair from "@thaw/bench/pipelines/pair/Pair"
import * as Rows from "@thaw/bench/pipelines/comparison/Rows"
import * as SharedData from "@thaw/bench/pipelines/comparison/SharedData"
import * as StudentT from "@thaw/bench/pipelines/comparison/StudentT"
import * as Dataset from "@thaw/core/Dataset"
import * as Step from "@thaw/core/Step"
import * as Scores from "@thaw/steps/Scores"
import { afterAll, describe, expect, it } from "vitest"
import * as World from "../steps/world.ts"

const folder = mkdtempSync(path.join(tmpdir(), "thaw-pair-"))
const world = World.make({ home: folder })
afterAll(async () => {
  await world.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const parts = (task: string, labels: ReadonlyArray<string>, count: number) => {
  const rows = (part: string, size: number) =>
    Array.from({ length: size }, (_, at) => {
      const label = labels[at % labels.length]!
      const id = `${part}${at}`
      return { id, origin: id, text: `a ${label} day with big cat ${id}`, labels: { [task]: label }, tags: {} }
    })
  return Dataset.parts(Dataset.examples([], { labels: [task], tags: [] }), {
    train: rows("t", count),
    validation: rows("v", 8),
    test: rows("h", 12),
  })
}
const intent = parts("intent", ["pay", "send", "block", "order"], 80)
const sentiment = parts("sentiment", ["good", "bad"], 40)

describe("the comparison of six ways to serve a scarce task", () => {
  it("has a mean of every way and task over the seeds, as JSON and as a table", async () => {
    const seeds = [1, 2] as const
    const { scores, reports } = Pair.make({
      intent,
      sentiment,
      seeds,
      each: 5,
      factor: 3,
      updates: 4,
      batch: 8,
      encoder: { vocabularySize: 120, blocks: 1, hidden: 8, heads: 2, intermediate: 16, maxTokens: 16 },
    })
    const comparison = Comparison.make({ scores, seeds, tasks: ["sentiment", "intent"], metric: "accuracy" })
    const single = Object.fromEntries(Object.entries(scores).map(([way, [, second]]) => [way, second!]))
    const { values, folders, steps } = await world.run({ comparison, report: reports[0]!, ...single })
    const { ways } = values.comparison
    expect(ways.map(({ way }) => way)).toEqual([
      "proportional",
      "temperature 2",
      "oversampling",
      "task weight",
      "augmentation",
      "combination",
    ])
    for (const { way, tasks } of ways) {
      expect(tasks.map(({ task, examples, values }) => [task, examples, values.length])).toEqual([
        ["sentiment", 12, 2],
        ["intent", 12, 2],
      ])
      const own = (values as Readonly<Record<string, unknown>>)[way] as Scores.Scores
      for (const { task, values: bySeed } of tasks) {
        expect(bySeed[1]).toBe(own.tasks.find((scored) => scored.task === task)!.metrics["accuracy"])
      }
    }
    // Of ten rows two copies each, but for those that came out equal.
    const { copies, dropped } = values.report
    expect(copies + dropped.equalToOrigin + dropped.equalToAnother).toBe(20)
    expect(copies).toBeGreaterThan(10)
    expect(readFileSync(path.join(folders.comparison, "summary.md"), "utf8")).toBe(
      Comparison.markdown(values.comparison),
    )
    // One encoder, one draw of rows and one set of copies a seed; every way trains for itself, with as many updates.
    const ran = Object.keys(steps).map((label) => label.replace(/ \(\d+\)$/, ""))
    const times = (name: string) => ran.filter((label) => label === name).length
    expect(times("Encoder.fromScratch")).toBe(2)
    expect(times("Rows.few")).toBe(2)
    expect(times("Augment.examples")).toBe(2)
    expect(times("Train.phase 1, nothing frozen")).toBe(12)
    const finished = world.events.filter(({ _tag }) => _tag === "phaseFinished")
    expect(finished.map((event) => (event as { readonly updates: number }).updates)).toEqual(Array(12).fill(4))
    // Two dozen session processes, one after the other.
  }, 300_000)
})

const fixed = Step.make({
  name: "fixed",
  version: "1",
  input: { scores: Scores.kind },
  output: Scores.kind,
  run: ({ scores }) => scores,
})
const scored = (accuracy: number, task = "mood") =>
  fixed({
    scores: {
      tasks: [
        {
          task,
          head: "classification",
          examples: 1000,
          metrics: { accuracy },
          majority: {},
          perLabel: [],
          confusion: [],
        },
      ],
    },
  })

describe("a comparison", () => {
  const seeds = [1, 2, 3] as const
  const scores = {
    plain: [0.5, 0.6, 0.7].map((value) => scored(value)),
    other: [0.52, 0.61, 0.69].map((value) => scored(value)),
  }

  it("takes differences seed by seed, and intervals of Student's t over the seeds", async () => {
    const comparison = Comparison.make({ scores, seeds, tasks: ["mood"], metric: "accuracy" })
    const { values, folders } = await world.run({ comparison })
    const [plain, other] = values.comparison.ways.map(({ tasks }) => tasks[0]!)
    // 4.302653 is t(0.975) with two degrees of freedom; s is 0.1, and of the differences √(0.0007 / 3).
    expect(plain!.mean).toBeCloseTo(0.6, 12)
    expect(plain!.halfWidth).toBeCloseTo((4.302653 * 0.1) / Math.sqrt(3), 6)
    expect(plain!.difference).toBe(null)
    expect(other!.difference!.mean).toBeCloseTo(0.02 / 3, 12)
    expect(other!.difference!.halfWidth).toBeCloseTo(4.302653 * (Math.sqrt(0.0007 / 3) / Math.sqrt(3)), 6)
    expect(readFileSync(path.join(folders.comparison, "summary.md"), "utf8")).toBe(
      [
        "|       | mood accuracy | against plain  |",
        "| ----- | ------------- | -------------- |",
        "| plain | 0.600 ± 0.248 |                |",
        "| other | 0.607 ± 0.211 | +0.007 ± 0.038 |",
        "",
        "Means over 3 seeds ± half of the 95 % interval (Student's t); differences seed by seed.",
        "Held out: mood on 1,000 examples.",
        "",
      ].join("\n"),
    )
  })

  it("has no interval with one seed", () => {
    expect(Comparison.spread([0.5])).toEqual({ mean: 0.5, halfWidth: null })
  })

  it("says which scores lack what is compared", async () => {
    const failed = async (given: { readonly tasks: readonly [string]; readonly metric: string }) =>
      (await world.failure({ comparison: Comparison.make({ scores, seeds, ...given }) })).message
    expect(await failed({ tasks: ["topic"], metric: "accuracy" })).toContain(
      'Comparison.make, plain, seed 1: expected "accuracy" of task "topic", got no scores of it.',
    )
    expect(await failed({ tasks: ["mood"], metric: "loss" })).toContain(
      'Comparison.make, plain, seed 1: expected "loss" of task "mood", got "accuracy".',
    )
  })
})

describe("Student's t", () => {
  it("has the quantiles of the published table", () => {
    // NIST/SEMATECH e-Handbook 1.3.6.7.2.
    const table = [
      [0.975, 1, 12.706],
      [0.975, 2, 4.303],
      [0.975, 3, 3.182],
      [0.975, 4, 2.776],
      [0.975, 9, 2.262],
      [0.975, 10, 2.228],
      [0.975, 100, 1.984],
      [0.95, 5, 2.015],
      [0.995, 6, 3.707],
      [0.999, 30, 3.385],
    ] as const
    for (const [p, df, t] of table) expect(StudentT.quantile(p, df)).toBeCloseTo(t, 3)
    expect(StudentT.quantile(0.5, 7)).toBeCloseTo(0, 9)
  })
})

describe("rows of a comparison", () => {
  it("are as many of every label, others with another seed, and never depend on the rest", async () => {
    const fewer = Dataset.filter(sentiment.train, ({ id }) => id !== "t0")
    const few = (examples: Dataset.TrainExamples, seed: number) =>
      Rows.few({ examples, task: "sentiment", each: 5, seed })
    const { values } = await world.run({
      one: few(sentiment.train, 1),
      two: few(sentiment.train, 2),
      fewer: few(fewer, 1),
    })
    const ids = (dataset: Dataset.Dataset) => Array.from(Dataset.rowsOf(dataset), ({ id }) => id)
    const labels = Array.from(Dataset.rowsOf(values.one), (row) => row.labels["sentiment"])
    expect(labels.filter((label) => label === "good")).toHaveLength(5)
    expect(labels.filter((label) => label === "bad")).toHaveLength(5)
    expect(ids(values.one)).not.toEqual(ids(values.two))
    const stayed = ids(values.one).filter((id) => id !== "t0")
    expect(ids(values.fewer)).toEqual(expect.arrayContaining(stayed))
  })

  it("are refused where a label has too few", async () => {
    const few = Rows.few({ examples: sentiment.train, task: "sentiment", each: 21, seed: 1 })
    expect((await world.failure({ few })).message).toContain(
      'Rows.few, task sentiment: expected at least 21 examples of every label, got 20 of "good".',
    )
  })

  it("are of every label its share, others with another seed", async () => {
    const uneven = Dataset.filter(
      intent.train,
      ({ id, labels }) => labels["intent"] !== "pay" || Number(id.slice(1)) < 40,
    )
    const stratified = (seed: number) => Rows.stratified({ examples: uneven, task: "intent", count: 21, seed })
    const { values } = await world.run({ one: stratified(1), two: stratified(2) })
    const drawn = (dataset: Dataset.Dataset) => Array.from(Dataset.rowsOf(dataset))
    const counts = (dataset: Dataset.Dataset) =>
      ["pay", "send", "block", "order"].map(
        (label) => drawn(dataset).filter(({ labels }) => labels["intent"] === label).length,
      )
    // Of 10, 20, 20 and 20 rows 3, 6, 6 and 6 are 21.
    expect(counts(values.one)).toEqual([3, 6, 6, 6])
    expect(counts(values.two)).toEqual([3, 6, 6, 6])
    const ids = (dataset: Dataset.Dataset) => drawn(dataset).map(({ id }) => id)
    expect(ids(values.one)).not.toEqual(ids(values.two))
    const places = ids(values.one).map((id) => Number(id.slice(1)))
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })

  it("are refused where there are fewer, or a label would have none", async () => {
    const refusal = async (count: number) =>
      (await world.failure({ rows: Rows.stratified({ examples: sentiment.train, task: "sentiment", count, seed: 1 }) }))
        .message
    expect(await refusal(41)).toContain(
      "Rows.stratified, count: expected at most 40 examples, and so many that every label has one, got 41.",
    )
    expect(await refusal(1)).toContain(
      "Rows.stratified, count: expected at most 40 examples, and so many that every label has one, got 1 of 2 labels.",
    )
  })

  it("are one corpus of all training texts, without labels", async () => {
    const { values } = await world.run({ corpus: Rows.corpus({ of: { a: intent.train, b: sentiment.train } }) })
    const rows = [...Dataset.rowsOf(values.corpus)]
    expect(rows).toHaveLength(120)
    expect(new Set(rows.map(({ id }) => id)).size).toBe(120)
    expect(rows[80]).toEqual({ id: "b/t0", origin: "b/t0", text: "a good day with big cat t0", labels: {}, tags: {} })
  })
})

describe("data beside the checkout", () => {
  it("is asked for in a sentence where it is not there", () => {
    expect(() => SharedData.files(["banking77/train.jsonl", "mr_polarity/all.jsonl"], folder)).toThrow(
      `${folder}: expected the data sets banking77 and mr_polarity, got no banking77/train.jsonl. ` +
        "They are not part of Thaw: put ../shared/data beside the checkout.",
    )
  })
})
