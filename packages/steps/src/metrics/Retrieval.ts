/** How well what is right stands before what is wrong. */
import * as Vectors from "./Vectors.ts"

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
