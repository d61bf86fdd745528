import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { PairLoss } from "@thaw/models/PairLoss"
import type { EncodedExample } from "@thaw/steps/Batch"
import * as SentenceEmbedding from "@thaw/steps/heads/SentenceEmbedding"
import { describe, expect, it } from "vitest"

/** See test/fixtures/embeddings/makeScores.py. */
interface Case {
  readonly loss: PairLoss
  readonly vectors: Readonly<Record<string, ReadonlyArray<number>>>
  readonly pairs: ReadonlyArray<ReadonlyArray<string>>
  readonly scores?: ReadonlyArray<number>
  readonly labels?: ReadonlyArray<number>
  readonly metrics: Readonly<Record<string, number>>
}
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../fixtures/embeddings/scores.json"), "utf8"),
) as ReadonlyArray<Case>

const figures = ({ loss, vectors, pairs, scores, labels }: Omit<Case, "metrics">) => {
  const texts = Object.keys(vectors)
  const encoded = (text: string): EncodedExample => {
    const ids = Int32Array.of(texts.indexOf(text))
    return { id: text, encoding: { ids, typeIds: ids, words: ids }, classes: {}, tags: {} }
  }
  const head = { kind: "sentenceEmbedding", pooling: "mean", loss } as const
  const vectored = pairs.map(([first, ...others], at) => ({
    example: {
      ...encoded(first!),
      beside: others.map(encoded),
      ...(scores === undefined ? { classes: { near: labels?.[at] ?? 1 } } : { scores: { near: scores[at]! } }),
    },
    vectors: [first!, ...others].map((text) => Float32Array.from(vectors[text]!)),
  }))
  return SentenceEmbedding.figures("near", head, vectored)
}

describe("figures of sentence embeddings", () => {
  it.each(cases.map((given) => ({ ...given, title: JSON.stringify(given.loss) })))(
    "are SciPy's, scikit-learn's and numpy's for $title",
    ({ metrics, ...given }) => {
      const found = figures(given)
      expect(found.examples).toBe(given.pairs.length)
      expect(Object.keys(found.metrics).sort()).toEqual(Object.keys(metrics).sort())
      for (const [name, value] of Object.entries(metrics)) expect(found.metrics[name], name).toBeCloseTo(value, 6)
    },
  )

  it("say for equal vectors everywhere what chance would, not that all are right", () => {
    const texts = Array.from({ length: 20 }, (_, at) => `t${at}`)
    const vectors = Object.fromEntries(texts.map((text) => [text, [1, 2, 3]]))
    const pairs = Array.from({ length: 10 }, (_, at) => [`t${at}`, `t${10 + at}`])
    const loss = { _tag: "multipleNegativesRanking", scale: 20, asks: "anchor" } as const
    // Ten candidates that are equally near have the ranks 1 to 10.
    const ranked = figures({ loss, vectors, pairs }).metrics
    expect(ranked["meanReciprocalRank"]).toBeCloseTo(1 / 5.5, 12)
    expect(ranked["recallAt1"]).toBe(0)
    const scores = pairs.map((_, at) => at / 10)
    const near = figures({ loss: { _tag: "cosineSimilarity" }, vectors, pairs, scores })
    expect(near.metrics).toMatchObject({ spearman: 0, pearson: 0 })
  })

  it("of no pairs are none", () => {
    expect(figures({ loss: { _tag: "cosineSimilarity" }, vectors: {}, pairs: [] }).metrics).toEqual({})
  })
})
