import * as Ansi from "@thaw/cli/render/Ansi"
import * as TimelineText from "@thaw/cli/render/TimelineText"
import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Encoder from "@thaw/models/Encoder"
import * as Head from "@thaw/models/Head"
import * as LearningRate from "@thaw/models/LearningRate"
import * as Balance from "@thaw/steps/Balance"
import * as Freeze from "@thaw/steps/Freeze"
import * as Rates from "@thaw/steps/Rates"
import * as Sample from "@thaw/steps/Sample"
import * as Timeline from "@thaw/steps/Timeline"
import * as Train from "@thaw/steps/Train"
import { describe, expect, it } from "vitest"

const row = (at: number): Dataset.Example => ({
  id: `${at}`,
  origin: `${at}`,
  text: "four words in all",
  labels: { topic: at % 2 === 0 ? "a" : "b", ...(at < 8 ? { mood: at % 2 === 0 ? "good" : "bad" } : {}) },
  tags: {},
})
const none = Dataset.examples([], { labels: ["topic", "mood"], tags: [] })
const { train, validation } = Dataset.parts(none, {
  train: Array.from({ length: 24 }, (_, at) => row(at)),
  validation: [row(100), row(101)],
})
const task = { head: Head.classification({ pooling: "mean" }), train, validation }
const encoder = Encoder.fromScratch({
  corpus: train,
  vocabularySize: 100,
  blocks: 2,
  hidden: 16,
  heads: 2,
  maxTokens: 32,
})

const text = (options: Partial<Train.Options>, columns = 100) => {
  const trained = Train.multiTask({
    encoder,
    tasks: { topic: task, mood: task },
    learningRate: LearningRate.slantedTriangular({ base: 1e-3 }),
    rates: Rates.discriminative(),
    epochs: 2,
    ...(options.tokenBudget === undefined ? { batch: 8 } : {}),
    ...options,
  })
  const dag = Dag.make(Pipeline.make("x", { seed: 1, outputs: { trained } }))
  return TimelineText.lines(Timeline.of(dag), Ansi.plain, columns).map((line) => line.trimEnd())
}

describe("the timeline as a table", () => {
  it("has the network from the top down and a column for each phase", () => {
    expect(text({ freeze: Freeze.phases([{ train: ["heads"], epochs: 1 }, { train: ["*", "!head.mood"] }]) })).toEqual([
      "",
      "               phase 1                    phase 2",
      "head.mood      2.7e-4 … 1.0e-3            frozen",
      "head.topic     2.7e-4 … 1.0e-3            1.9e-4 … 1.0e-3",
      "block.1        frozen                     1.6e-4 … 8.1e-4",
      "block.0        frozen                     1.4e-4 … 7.3e-4",
      "embeddings     frozen                     1.3e-4 … 6.6e-4",
      "lasts          1 epoch                    2 epochs",
      "updates        4                          6",
      "draws          mood 25 %, topic 75 %      topic",
      "counts         mood ~ 50 %, topic ~ 50 %",
      "optimizer      AdamW                      AdamW",
      "decay          0.01                       0.01",
      "dropout        0                          0",
      "learns         68 parameters              ≤ 8.8 k parameters",
      "weights        ≤ 35.2 KB                  ≤ 35.2 KB",
      "moments        544 B                      ≤ 70.2 KB",
      "for an update  832 B                      ≤ 105 KB",
      "activations    ~ 1.6 MB                   ~ 230 KB",
      "memory         ~ 172 MB                   ~ 171 MB",
      "cache          1.5 KB                     nothing to keep",
      "work           ~ 2.6 MFLOP                ~ 15.4 MFLOP",
      "",
      "! phase 2: head.mood was trained and is frozen while the encoder moves below it: it will read vectors that it was not trained on. Its validation score is taken at the end of every phase.",
      "",
      "Memory is the peak of the session process, estimated from",
      "the graphs that a phase runs; what is measured lies between",
      "0.7 and 1.4 times of it. Work is their matrix products.",
    ])
  })

  it("says which balancer a phase has, and what it starts with", () => {
    const row = (options: Partial<Train.Options>) =>
      text(options)
        .find((line) => line.startsWith("balance"))
        ?.replace(/^balance +/, "")
    expect(row({})).toBeUndefined()
    expect(row({ balance: Balance.gradNorm() })).toBe("GradNorm, from mood 1.00, topic 1.00")
    const tasks = { topic: { ...task, weight: 2 }, mood: task }
    expect(row({ tasks, balance: Balance.normalised() })).toBe("normalised, from mood 1.44, topic 2.89")
    expect(row({ balance: Balance.custom(() => ({ mood: 2 })) })).toBe("custom, from mood unknown, topic unknown")
  })

  it("has a row for the adapters of each block, also in later phases where they are frozen or merged", () => {
    const freeze = Freeze.phases([
      { freeze: Freeze.lora({ dropout: 0.1 }), epochs: 1 },
      { train: ["heads"], epochs: 1 },
      { train: ["block.1", "heads"], epochs: 1 },
    ])
    const learningRate = LearningRate.constant(1e-3)
    const rates = Rates.uniform()
    const lines = text({ freeze, learningRate, rates: { ...rates, groups: { "lora.block.0": 2e-3 } } })
    expect(lines.slice(1, 15).map((line) => line.split(/ {2,}/))).toEqual([
      ["", "phase 1", "phase 2", "phase 3"],
      ["head.mood", "1.0e-3", "1.0e-3", "1.0e-3"],
      ["head.topic", "1.0e-3", "1.0e-3", "1.0e-3"],
      ["block.1", "frozen", "frozen", "1.0e-3"],
      ["lora.block.1", "1.0e-3", "frozen"],
      ["block.0", "frozen", "frozen", "frozen"],
      ["lora.block.0", "2.0e-3", "frozen"],
      ["embeddings", "frozen", "frozen", "frozen"],
      ["lasts", "1 epoch", "1 epoch", "1 epoch"],
      ["updates", "4", "4", "4"],
      ["draws", "mood 25 %, topic 75 %", "mood 25 %, topic 75 %", "mood 25 %, topic 75 %"],
      ["counts", "mood ~ 50 %, topic ~ 50 %", "mood ~ 50 %, topic ~ 50 %", "mood ~ 50 %, topic ~ 50 %"],
      ["optimizer", "AdamW", "AdamW", "AdamW"],
      ["decay", "0.01", "0.01", "0.01"],
    ])
    expect(lines.find((line) => line.startsWith("dropout"))!.split(/ {2,}/)).toEqual([
      "dropout",
      "heads 0, adapters 0.1",
      "0",
      "0",
    ])
    // Rank 8 beside two maps of 16 × 16 in two blocks, and two heads.
    expect(lines.find((line) => line.startsWith("learns"))).toMatch(/^learns +1\.1 k parameters +68 /)
  })

  it("puts phases that do not fit beside each other below", () => {
    const wide = text({ freeze: Freeze.gradual() }, 200)
    const narrow = text({ freeze: Freeze.gradual() }, 60)
    const titles = (lines: ReadonlyArray<string>) => lines.filter((line) => /phase \d/.test(line))
    expect(titles(wide)).toHaveLength(1)
    expect(
      titles(narrow)
        .join(" ")
        .match(/phase \d/g),
    ).toEqual(["phase 1", "phase 2", "phase 3", "phase 4"])
    for (const line of narrow) expect(Ansi.width(line)).toBeLessThanOrEqual(60)
  })

  it("says how long phases last", () => {
    const lasts = (freeze: Freeze.FreezePlan, more: Partial<Train.Options> = {}) =>
      text({ freeze, ...more }, 300)
        .find((line) => line.startsWith("lasts"))!
        .split(/ {2,}/)
        .slice(1)
    expect(lasts(Freeze.lpft({ epochs: 0.5 }))).toEqual(["until converged, ≤ 20 epochs", "0.5 epochs"])
    expect(lasts(Freeze.phases([{ train: ["*"], updates: 7 }]))).toEqual(["7 updates"])
    expect(lasts(Freeze.unfreezeUntil({ noGain: true, stopAtBlock: 1 }))).toEqual([
      "1 epoch",
      "1 epoch, while it helps",
    ])
    expect(lasts(Freeze.nothing(), { earlyStopping: {} })).toEqual(["≤ 2 epochs, may stop early"])
  })

  it("has a table for each chain of phases", () => {
    const chain = (batch: number) =>
      Train.multiTask({ encoder, tasks: { topic: task }, learningRate: LearningRate.constant(1e-3), batch })
    const pipeline = Pipeline.make("x", { seed: 1, outputs: { one: chain(8), two: chain(4) } })
    const lines = TimelineText.lines(Timeline.of(Dag.make(pipeline)), Ansi.plain, 100)
    expect(lines.filter((line) => line.startsWith("from"))).toEqual([
      "from Train.phase 1, nothing frozen",
      "from Train.phase 1, nothing frozen (2)",
    ])
    expect(lines.filter((line) => line.startsWith("updates")).map((line) => line.split(/ +/)[1])).toEqual(["9", "18"])
  })

  it("is nothing for a pipeline that trains nothing", () => {
    expect(text({ freeze: Freeze.everything() })).toEqual([])
  })

  it("shows how much each task counts epoch by epoch where that changes", () => {
    const own = Dataset.parts(none, { train: Array.from({ length: 24 }, (_, at) => row(at)), validation: [row(100)] })
    const mood = { ...task, train: own.train, validation: own.validation }
    const lines = text({ mix: Sample.annealed(), epochs: 3, tasks: { topic: { ...task, weight: 2 }, mood } })
    const from = lines.findIndex((line) => line.includes("loss × 2"))
    // 8 and 24 examples: 25 : 75, then by n^0.6 and n^0.2; topics count twice.
    expect(lines.slice(from, from + 4)).toEqual([
      "phase 1  mood                     topic, loss × 2",
      "epoch 1  draws 25 %, counts 14 %  draws 75 %, counts 86 %",
      "epoch 2  draws 34 %, counts 21 %  draws 66 %, counts 79 %",
      "epoch 3  draws 45 %, counts 29 %  draws 55 %, counts 71 %",
    ])
  })

  it("shows the padding of a token budget, and a scarce task's share with a digit more", () => {
    const lines = text({ tokenBudget: Sample.tokenBudget({ tokens: 30 }), mix: Sample.weights({ topic: 1, mood: 0.01 }) }) // prettier-ignore
    expect(lines.find((line) => line.startsWith("padding"))).toBe("padding        ~ 0 %")
    expect(lines.find((line) => line.startsWith("draws"))).toBe("draws          mood ~ 1.1 %, topic ~ 99 %")
  })
})
