import { readFileSync } from "node:fs"
import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { outcome } from "../steps/running.ts"

const source = (name: string) => ({
  path: fileURLToPath(new URL(`../../pipelines/data/${name}`, import.meta.url)),
  written: `./data/${name}`,
})

const support = [
  ...Dataset.rowsOf(
    await outcome(
      Load.csv.run({
        path: source("support.csv"),
        text: "text",
        labels: { topic: "topic", sentiment: "sentiment" },
        id: "id",
      }),
    ),
  ),
]

const assistantFile = { path: source("assistant.conll"), labels: { intent: "intent" }, id: "id" }
const assistant = [...Dataset.rowsOf(await outcome(Load.conll.run({ ...assistantFile, tags: { entities: 1 } })))]

const tally = (values: Iterable<string>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

/** The two texts with the largest share of common words, |a ∩ b| / |a ∪ b|. */
const nearestPair = (examples: ReadonlyArray<Dataset.Example>) => {
  const words = examples.map(
    (row) =>
      new Set(
        Dataset.textOf(row)
          .toLowerCase()
          .match(/[\p{L}\p{N}']+/gu),
      ),
  )
  const examplesWith = new Map<string, Array<number>>()
  let nearest = { share: 0, pair: ["", ""] }
  for (const [a, own] of words.entries()) {
    const common = new Map<number, number>()
    for (const word of own) {
      const earlier = examplesWith.get(word) ?? []
      for (const b of earlier) common.set(b, (common.get(b) ?? 0) + 1)
      examplesWith.set(word, [...earlier, a])
    }
    for (const [b, both] of common) {
      const share = both / (own.size + words[b]!.size - both)
      if (share > nearest.share) nearest = { share, pair: [Dataset.textOf(examples[a]!), Dataset.textOf(examples[b]!)] }
    }
  }
  return nearest
}

describe("pipelines/data/support.csv", () => {
  it("has a topic for every sentence, in plenty and about as many of each", () => {
    expect(tally(support.map(({ labels }) => labels["topic"] ?? "none"))).toEqual({
      technology: 730,
      service: 706,
      weather: 712,
    })
  })

  it("has a sentiment for a scarce tenth, spread evenly over topics", () => {
    const counts = tally(
      support.flatMap(({ labels: { topic, sentiment } }) => (sentiment === undefined ? [] : `${topic} ${sentiment}`)),
    )
    expect(Object.keys(counts)).toHaveLength(9)
    expect(new Set(Object.values(counts))).toEqual(new Set([28]))
  })

  it("mixes topics in its order", () => {
    const runs = support.filter(({ labels }, at) => labels["topic"] !== support[at - 1]?.labels["topic"]).length
    expect(runs).toBeGreaterThan(support.length / 2)
  })

  it("holds no near-duplicates", () => {
    const { share, pair } = nearestPair(support)
    expect(share, pair.join(" / ")).toBeLessThan(0.6)
    expect(share).toBeGreaterThan(0)
  })
})

describe("pipelines/data/assistant.conll", () => {
  it("has an intent for every sentence", () => {
    expect(tally(assistant.map(({ labels }) => labels["intent"] ?? "none"))).toEqual({
      message: 271,
      travel: 274,
      music: 272,
      places: 273,
      reminder: 271,
    })
  })

  it("has entities of four types", () => {
    const tags = assistant.flatMap((row) => row.tags["entities"] ?? [])
    expect(tally(tags.filter((tag) => tag.startsWith("B-")))).toEqual({
      "B-time": 735,
      "B-place": 659,
      "B-person": 419,
      "B-title": 233,
    })
  })

  it("is valid BIO as written: every I follows a B or I of its type", () => {
    // From the file itself: the loader would have repaired it.
    let before = "O"
    for (const [at, line] of readFileSync(source("assistant.conll").path, "utf8").split("\n").entries()) {
      const tag = line.startsWith("# ") || line === "" ? "O" : line.split("\t")[1]!
      expect(tag, `line ${at + 1}`).toMatch(/^(?:O|[BI]-(?:time|place|person|title))$/u)
      if (tag.startsWith("I-")) expect([tag, `B${tag.slice(1)}`], `line ${at + 1}`).toContain(before)
      before = tag
    }
  })

  it("holds no near-duplicates", () => {
    const { share, pair } = nearestPair(assistant)
    expect(share, pair.join(" / ")).toBeLessThan(0.6)
    expect(share).toBeGreaterThan(0)
  })
})
