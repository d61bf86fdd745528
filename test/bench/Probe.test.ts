/**
 * The probe of `bench/pipelines/probe.ts`, on made-up examples and an encoder that has seen a few sentences: it says nothing
 * here of what pre-training is worth.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import * as Comparison from "@thaw/bench/pipelines/comparison/Comparison"
import * as Probe from "@thaw/bench/pipelines/probe/Probe"
import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Export from "@thaw/steps/Export"
import * as Split from "@thaw/steps/Split"
import * as Train from "@thaw/steps/Train"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as World from "../steps/world.ts"

const folder = mkdtempSync(path.join(tmpdir(), "thaw-probe-"))
const world = World.make({ home: path.join(folder, "home"), folder })

const examples = (task: string, labels: ReadonlyArray<string>, count: number) =>
  Dataset.examples(
    Array.from({ length: count }, (_, at) => {
      const label = labels[at % labels.length]!
      const id = `${task}${at}`
      return { id, origin: id, text: `a ${label} day with big cat ${id}`, labels: { [task]: label }, tags: {} }
    }),
    { labels: [task], tags: [] },
  )
const split = (all: Dataset.Examples) => Split.stratified({ examples: all, validation: 0.2, test: 0.3, seed: 0 })
const tasks = {
  intent: split(examples("intent", ["pay", "send", "block", "order"], 80)),
  sentiment: split(examples("sentiment", ["good", "bad"], 40)),
}

beforeAll(async () => {
  const { train, validation } = tasks.intent
  const encoder = Encoder.fromScratch({
    corpus: train,
    vocabularySize: 80,
    blocks: 1,
    hidden: 8,
    heads: 2,
    intermediate: 16,
    maxTokens: 16,
  })
  const trained = Train.multiTask({
    encoder,
    tasks: { words: { head: Head.maskedTokens(), train, validation } },
    learningRate: LearningRate.constant(1e-2),
    epochs: 1,
  })
  const { folders } = await world.run({ encoder: Export.encoder({ trained, precision: "float16" }) })
  cpSync(folders.encoder, path.join(folder, "encoder"), { recursive: true })
}, 300_000)
afterAll(async () => {
  await world.dispose()
  rmSync(folder, { recursive: true, force: true })
})

const probe = (seeds: ReadonlyArray<number>) =>
  Probe.make({
    encoder: Encoder.fromFolder({ path: "./encoder" }),
    tasks,
    seeds,
    few: 8,
    l2: [1, 10],
    training: { epochs: 2, batch: 4, rate: 1e-3, maxTokens: 16 },
  })
const compared = (scores: Probe.ByEncoder, seeds: readonly [number, ...ReadonlyArray<number>]) =>
  Comparison.make({ scores, seeds, tasks: ["intent", "sentiment"], metric: "accuracy" })

describe("the probe of an encoder's pre-training", () => {
  it("compares the encoder with a random one in three settings", async () => {
    const seeds = [1] as const
    const { frozen, frozenFew, trainedFew } = probe(seeds)
    const before = world.events.length
    const { values, folders } = await world.run({
      frozen: compared(frozen, seeds),
      frozenFew: compared(frozenFew, seeds),
      trainedFew: compared(trainedFew, seeds),
      scores: trainedFew["pre-trained"]![0]!,
    })
    for (const comparison of [values.frozen, values.frozenFew, values.trainedFew]) {
      expect(
        comparison.ways.map(({ way, tasks: own }) => [way, ...own.map(({ task, examples: of }) => `${task} of ${of}`)]),
      ).toEqual([
        ["random", "intent of 24", "sentiment of 12"],
        ["pre-trained", "intent of 24", "sentiment of 12"],
      ])
    }
    expect(values.trainedFew.ways[1]!.tasks.map(({ values: bySeed }) => bySeed[0])).toEqual(
      values.scores.tasks.map(({ metrics }) => metrics["accuracy"]),
    )
    expect(readFileSync(path.join(folders.frozen, "summary.md"), "utf8")).toBe(Comparison.markdown(values.frozen))
    // Two tasks of two encoders, each two epochs of two updates.
    const finished = world.events.slice(before).filter(({ _tag }) => _tag === "phaseFinished")
    expect(finished.map((event) => (event as { readonly updates: number }).updates)).toEqual([4, 4, 4, 4])
    // Two dozen session processes, one after the other.
  }, 300_000)

  it("encodes every text once an encoder, and has few rows in common for both", () => {
    const seeds = [1, 2] as const
    const { frozen, frozenFew, trainedFew } = probe(seeds)
    // With all rows nothing that a seed decides concerns the pre-trained encoder.
    expect(new Set(frozen["pre-trained"]).size).toBe(1)
    const outputs = {
      frozen: compared(frozen, seeds),
      frozenFew: compared(frozenFew, seeds),
      trainedFew: compared(trainedFew, seeds),
    }
    const labels = Dag.make(Pipeline.make("probe", { seed: 0, outputs }), {}, folder).nodes.map(({ step }) => step.name)
    const times = (name: string) => labels.filter((label) => label === name).length
    const [encoders, each] = [3, 2]
    expect(times("Encoder.reinitialised")).toBe(2)
    expect(times("Rows.stratified")).toBe(each * seeds.length)
    expect(times("Encode.heldOutFeatures")).toBe(encoders * each * 2)
    const few = 2 * each * seeds.length
    expect(times("Encode.trainFeatures")).toBe(encoders * each + few)
    expect(times("Fit.best")).toBe(encoders * each + few)
    expect(times("Fit.logisticRegression")).toBe(2 * (encoders * each + few))
    expect(times("Train.phase")).toBe(few)
  })
})
