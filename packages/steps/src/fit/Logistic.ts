/**
 * Logistic regression with an L2 penalty, in the form of scikit-learn's `LogisticRegression` with C = 1/l2: the least of
 *
 * ```
 * Σ −log softmax(W·x + b)[label]  +  l2/2 · ‖W‖²          over examples; intercepts are not penalised
 * ```
 *
 * With two labels one linear form decides (softmax over 0 and w·x + b), so the first row of W is zero.
 *
 * What is minimised is that sum divided by the number of examples, over other variables with the same minimum, so that
 * tolerances mean the same for all data and iterations are few. Encoders' vectors lie far from the origin and spread
 * unequally; so intercepts b′ = b + W·mean, and weights v = W/s with s² = 1/(variance/4 + l2/examples), which makes every
 * second derivative about 1.
 */
import * as Lbfgs from "./Lbfgs.ts"

/** What is fitted. */
export interface Problem {
  /** [examples, size], one row after the other. */
  readonly vectors: Float32Array
  readonly size: number
  /** Class of each example. */
  readonly truth: ReadonlyArray<number>
  readonly classes: number
  /** Strength of the penalty. */
  readonly l2: number
}

export interface Fitted {
  /** [classes][size] */
  readonly coefficients: ReadonlyArray<ReadonlyArray<number>>
  readonly intercepts: ReadonlyArray<number>
  /** Of the sum above. */
  readonly objective: number
  readonly iterations: number
  readonly converged: boolean
}

export const fit = (problem: Problem, options: Lbfgs.Options): Fitted => {
  const { size, classes, truth } = problem
  const free = classes === 2 ? 1 : classes
  const width = size + 1
  const frame = frameOf(problem)
  const { at, value, iterations, converged } = Lbfgs.minimise(
    objectiveOf(problem, frame, free),
    new Float64Array(free * width),
    options,
  )
  const rows = Array.from({ length: free }, (_, row) => {
    const { weights, intercept } = unframed(frame, at, row * width)
    return { weights: Array.from(weights), intercept }
  })
  const fixed = Array.from({ length: classes - free }, () => ({ weights: Array<number>(size).fill(0), intercept: 0 }))
  const all = [...fixed, ...rows]
  return {
    coefficients: all.map(({ weights }) => weights),
    intercepts: all.map(({ intercept }) => intercept),
    objective: value * truth.length,
    iterations,
    converged,
  }
}

/** Where vectors lie and by how much variables are scaled. */
interface Frame {
  readonly mean: Float64Array
  /** Of a weight, by component. */
  readonly scale: Float64Array
}

/** Intercepts have the derivative that a component of variance 1 has. */
const interceptScale = 2

const frameOf = ({ vectors, size, truth, l2 }: Problem): Frame => {
  const mean = new Float64Array(size)
  const variance = new Float64Array(size)
  for (let at = 0; at < vectors.length; at++) mean[at % size]! += vectors[at]! / truth.length
  for (let at = 0; at < vectors.length; at++) {
    variance[at % size]! += (vectors[at]! - mean[at % size]!) ** 2 / truth.length
  }
  return { mean, scale: variance.map((each) => 1 / Math.sqrt(each / 4 + l2 / truth.length)) }
}

/** Weights and intercept of the row of variables from `start` on. */
const unframed = ({ mean, scale }: Frame, at: Float64Array, start: number) => {
  const weights = scale.map((each, index) => each * at[start + index]!)
  const shift = weights.reduce((sum, weight, index) => sum + weight * mean[index]!, 0)
  return { weights, intercept: interceptScale * at[start + scale.length]! - shift }
}

/** Variables lie row by row, each with its intercept last: [free, size + 1]. */
const objectiveOf = (problem: Problem, frame: Frame, free: number): Lbfgs.Objective => {
  const { size, truth, classes, l2 } = problem
  const width = size + 1
  const fixed = classes - free
  const scores = Array.from({ length: together }, () => new Float64Array(classes))
  return (at, gradient) => {
    gradient.fill(0)
    const rows = Array.from({ length: free }, (_, row) => unframed(frame, at, row * width))
    let loss = 0
    for (let first = 0; first < truth.length; first += together) {
      const block = blockOf(problem, first)
      rows.forEach((row, index) => block.score(row.weights, row.intercept, scores, fixed + index))
      const totals = scores.map(logSumExp)
      totals.forEach((total, place) => (loss += block.counts[place]! * (total - scores[place]![block.labels[place]!]!)))
      for (let row = 0; row < free; row++) {
        const label = fixed + row
        const errors = totals.map(
          (total, place) =>
            block.counts[place]! * (Math.exp(scores[place]![label]! - total) - (block.labels[place] === label ? 1 : 0)),
        )
        block.collect(errors, gradient, row * width)
      }
    }
    let penalty = 0
    rows.forEach(({ weights }, row) => {
      const errors = gradient[row * width + size]!
      weights.forEach((weight, index) => {
        penalty += weight ** 2
        const slope = gradient[row * width + index]! - errors * frame.mean[index]! + l2 * weight
        gradient[row * width + index] = (slope * frame.scale[index]!) / truth.length
      })
      gradient[row * width + size] = (errors * interceptScale) / truth.length
    })
    return (loss + (l2 / 2) * penalty) / truth.length
  }
}

/** Examples that are looked at together, so that weights and gradients are gone through a quarter as often. */
const together = 4

/** Four examples from `first` on; where there are fewer, the last one again, which then counts 0. */
const blockOf = ({ vectors, size, truth }: Problem, first: number) => {
  const places = [first, first + 1, first + 2, first + 3].map((place) => Math.min(place, truth.length - 1))
  const [a, b, c, d] = places.map((place) => vectors.subarray(place * size, (place + 1) * size)) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ]
  return {
    labels: places.map((place) => truth[place]!),
    counts: places.map((place, at) => (place === first + at ? 1 : 0)),
    /** Writes w·x + b of each example as its score of the label. */
    score: (weights: Float64Array, intercept: number, scores: ReadonlyArray<Float64Array>, label: number): void => {
      let [inA, inB, inC, inD] = [intercept, intercept, intercept, intercept]
      for (let index = 0; index < size; index++) {
        const weight = weights[index]!
        inA += weight * a[index]!
        inB += weight * b[index]!
        inC += weight * c[index]!
        inD += weight * d[index]!
      }
      scores[0]![label] = inA
      scores[1]![label] = inB
      scores[2]![label] = inC
      scores[3]![label] = inD
    },
    /** Adds error · x, and error for the intercept, of each example to the row that starts there. */
    collect: (errors: ReadonlyArray<number>, gradient: Float64Array, start: number): void => {
      const [ofA, ofB, ofC, ofD] = errors as [number, number, number, number]
      for (let index = 0; index < size; index++) {
        gradient[start + index]! += ofA * a[index]! + ofB * b[index]! + ofC * c[index]! + ofD * d[index]!
      }
      gradient[start + size]! += ofA + ofB + ofC + ofD
    },
  }
}

const logSumExp = (scores: Float64Array): number => {
  let most = -Infinity
  for (const score of scores) most = Math.max(most, score)
  let sum = 0
  for (const score of scores) sum += Math.exp(score - most)
  return most + Math.log(sum)
}

/** Scores of one vector by class: their softmax is its probabilities. */
export const scores = (
  { coefficients, intercepts }: Pick<Fitted, "coefficients" | "intercepts">,
  vector: Float32Array,
): ReadonlyArray<number> =>
  coefficients.map((row, label) =>
    row.reduce((sum, weight, index) => sum + weight * vector[index]!, intercepts[label]!),
  )
