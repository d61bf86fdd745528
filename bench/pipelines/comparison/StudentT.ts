/** Student's t distribution: what an interval over a handful of seeds needs. */

/**
 * The t below which a part `p` of the distribution with `df` degrees of freedom lies, for p from 0.5 up to 1 and whole
 * `df` from 1.
 */
export const quantile = (p: number, df: number): number => {
  // θ = atan(t/√df) goes from 0 to π/2 as t goes from 0 to ∞, and the part within ±t grows with it.
  let [low, high] = [0, Math.PI / 2]
  for (let halvings = 0; halvings < 60; halvings++) {
    const middle = (low + high) / 2
    if (within(middle, df) < 2 * p - 1) low = middle
    else high = middle
  }
  return Math.sqrt(df) * Math.tan(low)
}

/** The part within ±√df·tan θ: Abramowitz & Stegun 26.7.3 for odd df, 26.7.4 for even. */
const within = (theta: number, df: number): number => {
  const isOdd = df % 2 === 1
  const cosine = Math.cos(theta)
  // Odd: cos θ + 2/3 cos³ θ + 2·4/(3·5) cos⁵ θ + …; even: 1 + 1/2 cos² θ + 1·3/(2·4) cos⁴ θ + …; both up to cos^(df−2) θ.
  let term = isOdd ? cosine : 1
  let sum = 0
  for (let power = isOdd ? 1 : 0; power <= df - 2; power += 2) {
    sum += term
    term *= ((power + 1) / (power + 2)) * cosine ** 2
  }
  return isOdd ? (2 / Math.PI) * (theta + Math.sin(theta) * sum) : Math.sin(theta) * sum
}
