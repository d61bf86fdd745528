/**
 * Vectors of the texts of pairs, and what their cosines say:
 *
 * ```
 * cosineSimilarity          spearman, pearson    of cosine and score
 * contrastive, online       averagePrecision     of the cosine
 *                           accuracy             pairs nearer than half the margin taken for alike
 * triplet                   accuracy             pairs that are nearer than their negatives, by the loss's distance
 * multipleNegativesRanking  meanReciprocalRank, recallAt1, recallAt10   of a text's own pair among all pairs and negatives
 * ```
 *
 * and of all of them `loss`: the mean over the pairs of the loss's formula, with all examples for a batch; of the online
 * form that of the plain one.
 */
import type { SentenceEmbedding } from "@thaw/models/heads/SentenceEmbedding"
import type * as PairLoss from "@thaw/models/PairLoss"
import { type EncodedExample, rowsOf } from "../Batch.ts"
import * as MultiLabel from "../metrics/MultiLabel.ts"
import * as Regression from "../metrics/Regression.ts"
import * as Retrieval from "../metrics/Retrieval.ts"
import * as Vectors from "../metrics/Vectors.ts"
import type { TaskScores } from "../Scores.ts"
import { mean } from "./Outcome.ts"

/** An example that says something of the task, and the vector of each of its texts. */
export interface Vectored {
  readonly example: EncodedExample
  readonly vectors: ReadonlyArray<Float32Array>
}

export const figures = (task: string, { loss }: SentenceEmbedding, pairs: ReadonlyArray<Vectored>): TaskScores => ({
  task,
  head: "sentenceEmbedding",
  examples: pairs.length,
  ...(pairs.length === 0 ? { metrics: {}, majority: {} } : measured(loss, task, pairs)),
  perLabel: [],
  confusion: [],
})

type Figures = Pick<TaskScores, "metrics" | "majority">

const measured = (loss: PairLoss.PairLoss, task: string, pairs: ReadonlyArray<Vectored>): Figures => {
  switch (loss._tag) {
    case "cosineSimilarity":
      return near(task, pairs)
    case "contrastive":
    case "onlineContrastive":
      return alike(loss.margin, task, pairs)
    case "triplet":
      return nearer(loss, pairs)
    case "multipleNegativesRanking":
      return ranked(loss.scale, pairs)
  }
}

const near = (task: string, pairs: ReadonlyArray<Vectored>): Figures => {
  const cosines = pairs.map(({ vectors: [a, b] }) => Vectors.cosine(a!, b!))
  const scores = pairs.map(({ example }) => example.scores![task]!)
  const { spearman, pearson, meanSquaredError } = Regression.score(scores, cosines)
  return { metrics: { spearman, pearson, loss: meanSquaredError }, majority: {} }
}

const alike = (margin: number, task: string, pairs: ReadonlyArray<Vectored>): Figures => {
  const distances = pairs.map(({ vectors: [a, b] }) => 1 - Vectors.cosine(a!, b!))
  const isAlike = pairs.map(({ example }) => example.classes[task] === 1)
  const shares = isAlike.filter(Boolean).length / pairs.length
  return {
    metrics: {
      averagePrecision: MultiLabel.averagePrecision(
        isAlike,
        distances.map((distance) => -distance),
      ),
      accuracy: mean(distances.map((distance, at) => (distance < margin / 2 === isAlike[at] ? 1 : 0))),
      loss: mean(
        distances.map((distance, at) => 0.5 * (isAlike[at]! ? distance : Math.max(0, margin - distance)) ** 2),
      ),
    },
    majority: { averagePrecision: shares, accuracy: Math.max(shares, 1 - shares) },
  }
}

type Triplet = Extract<PairLoss.PairLoss, { readonly _tag: "triplet" }>

const nearer = ({ margin, distance }: Triplet, triplets: ReadonlyArray<Vectored>): Figures => {
  const gaps = triplets.map(({ vectors: [a, p, n] }) => {
    const of = Vectors.distances[distance]
    return of(a!, p!) - of(a!, n!)
  })
  return {
    metrics: {
      accuracy: mean(gaps.map((gap) => (gap < 0 ? 1 : 0))),
      loss: mean(gaps.map((gap) => Math.max(0, gap + margin))),
    },
    majority: {},
  }
}

/** What may be as right as a text's own pair is not among what it stands behind: as in training, see `PairFeeds`. */
const ranked = (scale: number, pairs: ReadonlyArray<Vectored>): Figures => {
  const texts = new Map<string, Float32Array>()
  const keys = pairs.map(({ example, vectors }) =>
    rowsOf(example).map(({ encoding }, at) => {
      const key = encoding.ids.join(" ")
      if (!texts.has(key)) texts.set(key, vectors[at]!)
      return key
    }),
  )
  const candidates = [...new Set(keys.flatMap(([, ...others]) => others))]
  const placeOf = new Map(candidates.map((key, place) => [key, place]))
  const rightOf = new Map<string, Set<number>>()
  for (const [first, second] of keys) {
    const known = rightOf.get(first!) ?? new Set()
    rightOf.set(first!, known.add(placeOf.get(second!)!))
  }
  const standings = Retrieval.standings(
    keys.map(([first, second]) => {
      const itself = placeOf.get(first!)
      return {
        vector: texts.get(first!)!,
        right: placeOf.get(second!)!,
        spared: new Set([...rightOf.get(first!)!, ...(itself === undefined ? [] : [itself])]),
      }
    }),
    candidates.map((key) => texts.get(key)!),
    scale,
  )
  const ranks = standings.map(({ rank }) => rank)
  return {
    metrics: {
      meanReciprocalRank: Retrieval.meanReciprocalRank(ranks),
      recallAt1: Retrieval.recallAt(ranks, 1),
      recallAt10: Retrieval.recallAt(ranks, 10),
      loss: mean(standings.map(({ surprise }) => surprise)),
    },
    majority: {},
  }
}
