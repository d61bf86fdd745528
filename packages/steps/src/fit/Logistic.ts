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

interface Row {
  readonly weights: Float64Array
  readonly intercept: number
}

/** Weights and intercept of the row of variables from `start` on. */
const unframed = ({ mean, scale }: Frame, at: Float64Array, start: number): Row => {
  const weights = scale.map((each, index) => each * at[start + index]!)
  const shift = weights.reduce((sum, weight, index) => sum + weight * mean[index]!, 0)
  return { weights, intercept: interceptScale * at[start + scale.length]! - shift }
}

/** Variables lie row by row, each with its intercept last: [free, size + 1]. */
const objectiveOf = (problem: Problem, frame: Frame, free: number): Lbfgs.Objective => {
  const { size, truth, classes, l2 } = problem
  const width = size + 1
  const fixed = classes - free
  const block = blockOf(problem)
  const scores = Array.from({ length: together }, () => new Float64Array(classes))
  const errors = Array.from({ length: together }, () => new Float64Array(classes))
  return (at, gradient) => {
    gradient.fill(0)
    const rows = Array.from({ length: free }, (_, row) => unframed(frame, at, row * width))
    let loss = 0
    for (let first = 0; first < truth.length; first += together) {
      block.load(first)
      for (let row = 0; row < free; row += 2) {
        block.score(rows[row]!, rows[Math.min(row + 1, free - 1)]!, scores, fixed + row)
      }
      for (let place = 0; place < together; place++) {
        const own = scores[place]!
        const total = logSumExp(own)
        const label = truth[first + place]
        // The last examples again fill a block up, and count for nothing.
        const count = label === undefined ? 0 : 1
        loss += label === undefined ? 0 : total - own[label]!
        for (let of = fixed; of < classes; of++) {
          errors[place]![of] = count * (Math.exp(own[of]! - total) - (of === label ? 1 : 0))
        }
      }
      for (let row = 0; row < free; row += 2) block.collect(errors, fixed + row, gradient, row * width)
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

/** Two rows of weights at a time go over four examples: what is read once is used eight times. */
const blockOf = ({ vectors, size, truth, classes }: Problem) => {
  const width = size + 1
  const [a, b, c, d] = [0, 1, 2, 3].map(() => new Float64Array(size)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  return {
    /** Four examples from `first` on; where there are fewer, the last one again. */
    load: (first: number): void => {
      ;[a, b, c, d].forEach((each, at) => {
        const place = Math.min(first + at, truth.length - 1)
        each.set(vectors.subarray(place * size, (place + 1) * size))
      })
    },
    /** Writes w·x + b of each example as its score of the label, and of the next. */
    score: (one: Row, two: Row, scores: ReadonlyArray<Float64Array>, label: number): void => {
      let [oneA, oneB, oneC, oneD] = [one.intercept, one.intercept, one.intercept, one.intercept]
      let [twoA, twoB, twoC, twoD] = [two.intercept, two.intercept, two.intercept, two.intercept]
      const { weights: first } = one
      const { weights: second } = two
      for (let index = 0; index < size; index++) {
        const inA = a[index]!
        const inB = b[index]!
        const inC = c[index]!
        const inD = d[index]!
        const weight = first[index]!
        const other = second[index]!
        oneA += weight * inA
        oneB += weight * inB
        oneC += weight * inC
        oneD += weight * inD
        twoA += other * inA
        twoB += other * inB
        twoC += other * inC
        twoD += other * inD
      }
      scores[0]![label] = oneA
      scores[1]![label] = oneB
      scores[2]![label] = oneC
      scores[3]![label] = oneD
      if (label + 1 === classes) return
      scores[0]![label + 1] = twoA
      scores[1]![label + 1] = twoB
      scores[2]![label + 1] = twoC
      scores[3]![label + 1] = twoD
    },
    /** Adds error · x, and error for the intercept, of each example to the label's row, which starts there, and to the next. */
    collect: (errors: ReadonlyArray<Float64Array>, label: number, gradient: Float64Array, start: number): void => {
      const [inA, inB, inC, inD] = errors as [Float64Array, Float64Array, Float64Array, Float64Array]
      const [ofA, ofB, ofC, ofD] = [inA[label]!, inB[label]!, inC[label]!, inD[label]!]
      const isLast = label + 1 === classes
      const next = isLast ? start : start + width
      // Nothing is added where there is no next row.
      const [nextA, nextB, nextC, nextD] = isLast
        ? [0, 0, 0, 0]
        : [inA[label + 1]!, inB[label + 1]!, inC[label + 1]!, inD[label + 1]!]
      for (let index = 0; index < size; index++) {
        const atA = a[index]!
        const atB = b[index]!
        const atC = c[index]!
        const atD = d[index]!
        gradient[start + index]! += ofA * atA + ofB * atB + ofC * atC + ofD * atD
        gradient[next + index]! += nextA * atA + nextB * atB + nextC * atC + nextD * atD
      }
      gradient[start + size]! += ofA + ofB + ofC + ofD
      gradient[next + size]! += nextA + nextB + nextC + nextD
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
