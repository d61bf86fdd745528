import * as Lbfgs from "@thaw/steps/fit/Lbfgs"
import { describe, expect, it } from "vitest"

const options = { tolerance: 1e-10, maxIterations: 500 }

/** Σ 100·(x₁ − x₀²)² + (1 − x₀)² over pairs: a curved valley with its minimum at ones. */
const rosenbrock: Lbfgs.Objective = (at, gradient) => {
  let value = 0
  gradient.fill(0)
  for (let index = 0; index < at.length; index += 2) {
    const [x, y] = [at[index]!, at[index + 1]!]
    value += 100 * (y - x * x) ** 2 + (1 - x) ** 2
    gradient[index] = -400 * x * (y - x * x) - 2 * (1 - x)
    gradient[index + 1] = 200 * (y - x * x)
  }
  return value
}

describe("the minimum", () => {
  it("of a quadratic with very unequal curvatures is where its gradient is zero", () => {
    const curvatures = [1, 10, 100, 1e4]
    const centre = [3, -2, 0.5, 7]
    const quadratic: Lbfgs.Objective = (at, gradient) =>
      curvatures.reduce((sum, curvature, index) => {
        gradient[index] = curvature * (at[index]! - centre[index]!)
        return sum + (curvature / 2) * (at[index]! - centre[index]!) ** 2
      }, 0)
    const { at, converged, value } = Lbfgs.minimise(quadratic, new Float64Array(4), options)
    expect(converged).toBe(true)
    expect(value).toBeLessThan(1e-18)
    at.forEach((each, index) => expect(each).toBeCloseTo(centre[index]!, 8))
  })

  it("of Rosenbrock's valley is found in far fewer iterations than steepest descent needs", () => {
    const start = Float64Array.from([-1.2, 1, -1.2, 1, 2, -3])
    const { at, converged, iterations } = Lbfgs.minimise(rosenbrock, start, options)
    expect(converged).toBe(true)
    expect(iterations).toBeLessThan(120)
    at.forEach((each) => expect(each).toBeCloseTo(1, 8))
    expect([...start]).toEqual([-1.2, 1, -1.2, 1, 2, -3])
  })

  it("is the start where that is one already", () => {
    const found = Lbfgs.minimise(rosenbrock, Float64Array.from([1, 1]), options)
    expect(found).toMatchObject({ iterations: 0, converged: true, value: 0 })
  })

  it("is not claimed after too few iterations, and none of them went up", () => {
    let before = Infinity
    for (const maxIterations of [1, 2, 4, 8]) {
      const found = Lbfgs.minimise(rosenbrock, Float64Array.from([-1.2, 1]), { tolerance: 1e-10, maxIterations })
      expect(found).toMatchObject({ converged: false, iterations: maxIterations })
      expect(found.value).toBeLessThan(before)
      before = found.value
    }
  })
})
