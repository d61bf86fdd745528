/** How well what is right stands before what is wrong. */
import * as Vectors from "./Vectors.ts"

/**
 * Average precision of scores, the higher the likelier to be right: Σ (recallₙ − recallₙ₋₁)·precisionₙ over the thresholds
 * that the scores are, highest first (scikit-learn's `average_precision_score`). NaN where nothing is right.
 */
export const averagePrecision = (scores: ReadonlyArray<number>, isRight: ReadonlyArray<boolean>): number => {
  const all = isRight.filter(Boolean).length
  if (all === 0) return Number.NaN
  const order = scores.map((_, at) => at).sort((i, j) => scores[j]! - scores[i]!)
  let [right, sum] = [0, 0]
  for (let from = 0; from < order.length;) {
    let to = from
    let found = 0
    for (; to < order.length && scores[order[to]!] === scores[order[from]!]; to++) if (isRight[order[to]!]) found++
    right += found
    sum += (found / all) * (right / to)
    from = to
  }
  return sum
}

/** A vector that looks for its like. */
export interface Query {
  readonly vector: Float32Array
  /** Place of the right one among the candidates. */
  readonly right: number
  /** Places that are not held against it: what is as right. */
  readonly spared: ReadonlySet<number>
}

export interface Standing {
  /** Of the right candidate by cosine, from 1; equals have the mean of their ranks. */
  readonly rank: number
  /** −log softmax of the cosines times the scale, at the right candidate. */
  readonly surprise: number
}

/** How every query's right candidate stands among all candidates. */
export const standings = (
  queries: ReadonlyArray<Query>,
  candidates: ReadonlyArray<Float32Array>,
  scale: number,
): ReadonlyArray<Standing> => {
  const directions = candidates.map(Vectors.direction)
  return queries.map(({ vector, right, spared }) => {
    const direction = Vectors.direction(vector)
    const own = Vectors.dot(direction, directions[right]!)
    let [nearer, equal, rest] = [0, 0, 0]
    directions.forEach((each, place) => {
      if (place === right || spared.has(place)) return
      const cosine = Vectors.dot(direction, each)
      if (cosine > own) nearer++
      else if (cosine === own) equal++
      rest += Math.exp(scale * (cosine - own))
    })
    return { rank: 1 + nearer + equal / 2, surprise: Math.log1p(rest) }
  })
}

/** The mean of 1/rank; ranks from 1. */
export const meanReciprocalRank = (ranks: ReadonlyArray<number>): number =>
  ranks.reduce((sum, rank) => sum + 1 / rank, 0) / ranks.length

/** Share of what is right that is among the first `k`. */
export const recallAt = (ranks: ReadonlyArray<number>, k: number): number =>
  ranks.filter((rank) => rank <= k).length / ranks.length
