/**
 * Limited-memory BFGS: the minimum of a smooth function from its values and gradients (Nocedal & Wright, Numerical
 * Optimization, 2nd ed., algorithms 7.4 and 7.5; line search by the strong Wolfe conditions, algorithms 3.5 and 3.6).
 *
 * Deterministic: the same function and start give the same bits.
 */

/** Writes the gradient at `at` into `gradient` and gives the value. */
export type Objective = (at: Float64Array, gradient: Float64Array) => number

export interface Options {
  /** It is reached where no partial derivative is larger. */
  readonly tolerance: number
  readonly maxIterations: number
}

export interface Minimum {
  readonly at: Float64Array
  readonly value: number
  /** Largest partial derivative, without sign. */
  readonly slope: number
  readonly iterations: number
  /** Whether the slope is within the tolerance. */
  readonly converged: boolean
}

/** Pairs of steps and gradient differences that stand for the curvature. */
const memory = 10
/** Sufficient decrease and curvature of the Wolfe conditions. */
const decrease = 1e-4
const curvature = 0.9
/** Differences of values below this are rounding. */
const rounding = 4 * Number.EPSILON

/** A point on the line that is searched. */
interface Point {
  readonly length: number
  readonly value: number
  /** Derivative along the line. */
  readonly slope: number
  readonly at: Float64Array
  readonly gradient: Float64Array
}

export const minimise = (objective: Objective, start: Float64Array, { tolerance, maxIterations }: Options): Minimum => {
  let at: Float64Array = Float64Array.from(start)
  let gradient: Float64Array = new Float64Array(start.length)
  let value = objective(at, gradient)
  const pairs: Array<Pair> = []
  let iterations = 0
  while (iterations < maxIterations && !(largest(gradient) <= tolerance)) {
    const direction = directionOf(gradient, pairs)
    const along = (length: number): Point => {
      const next = at.map((each, index) => each + length * direction[index]!)
      const slopes = new Float64Array(next.length)
      const reached = objective(next, slopes)
      return { length, value: reached, slope: dot(slopes, direction), at: next, gradient: slopes }
    }
    const here: Point = { length: 0, value, slope: dot(gradient, direction), at, gradient }
    // Without curvature the gradient's own length says nothing about how far to go.
    const found = search(along, here, pairs.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1)
    iterations++
    if (found.length === 0) break
    const moved = found.at.map((each, index) => each - at[index]!)
    const turned = found.gradient.map((each, index) => each - gradient[index]!)
    const product = dot(moved, turned)
    if (product > rounding * dot(turned, turned)) {
      pairs.push({ moved, turned, product })
      if (pairs.length > memory) pairs.shift()
    }
    at = found.at
    gradient = found.gradient
    value = found.value
  }
  const slope = largest(gradient)
  return { at, value, slope, iterations, converged: slope <= tolerance }
}

interface Pair {
  readonly moved: Float64Array
  readonly turned: Float64Array
  /** moved · turned, positive. */
  readonly product: number
}

/** −H·gradient with the inverse Hessian H that the pairs stand for (two-loop recursion). */
const directionOf = (gradient: Float64Array, pairs: ReadonlyArray<Pair>): Float64Array => {
  const direction = gradient.map((each) => -each)
  const shares = pairs.map(() => 0)
  for (let index = pairs.length - 1; index >= 0; index--) {
    const { moved, turned, product } = pairs[index]!
    shares[index] = dot(moved, direction) / product
    add(direction, -shares[index]!, turned)
  }
  const last = pairs.at(-1)
  if (last !== undefined) scale(direction, last.product / dot(last.turned, last.turned))
  pairs.forEach(({ moved, turned, product }, index) => {
    add(direction, shares[index]! - dot(turned, direction) / product, moved)
  })
  return direction
}

/** A point that satisfies the strong Wolfe conditions; `here` itself where rounding leaves no better one. */
const search = (along: (length: number) => Point, here: Point, first: number): Point => {
  const tooHigh = ({ length, value }: Point) =>
    !(value <= here.value + decrease * length * here.slope + rounding * Math.abs(here.value))
  const flat = ({ slope }: Point) => Math.abs(slope) <= -curvature * here.slope
  const zoom = (from: Point, to: Point): Point => {
    let [low, high] = [from, to]
    for (let attempt = 0; attempt < 40; attempt++) {
      const point = along(between(low, high))
      if (tooHigh(point) || point.value >= low.value + rounding * Math.abs(low.value)) high = point
      else {
        if (flat(point)) return point
        if (point.slope * (high.length - low.length) >= 0) high = low
        low = point
      }
    }
    return low
  }
  let previous = here
  let length = first
  for (let attempt = 0; attempt < 40; attempt++) {
    const point = along(length)
    if (tooHigh(point) || (attempt > 0 && point.value >= previous.value)) return zoom(previous, point)
    if (flat(point)) return point
    if (point.slope >= 0) return zoom(point, previous)
    previous = point
    length *= 2
  }
  return previous
}

/** Where a cubic through both points has its minimum, kept off the ends. */
const between = (low: Point, high: Point): number => {
  const width = high.length - low.length
  const bend = low.slope + high.slope - (3 * (high.value - low.value)) / width
  const root = Math.sqrt(Math.max(0, bend * bend - low.slope * high.slope)) * Math.sign(width)
  const share = 1 - (high.slope + root - bend) / (high.slope - low.slope + 2 * root)
  return low.length + width * (Number.isFinite(share) ? Math.min(0.9, Math.max(0.1, share)) : 0.5)
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!
  return sum
}

const add = (target: Float64Array, factor: number, source: Float64Array): void => {
  for (let index = 0; index < target.length; index++) target[index]! += factor * source[index]!
}

const scale = (target: Float64Array, factor: number): void => {
  for (let index = 0; index < target.length; index++) target[index]! *= factor
}

const largest = (values: Float64Array): number => values.reduce((most, each) => Math.max(most, Math.abs(each)), 0)
