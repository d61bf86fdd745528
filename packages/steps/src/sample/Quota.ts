/** Whole numbers that follow shares. */

/**
 * Whole numbers that follow the shares and sum to `total`: floors first, the rest to the largest remainders, ties to
 * the earlier task (Hamilton's method).
 */
export const largestRemainder = (parts: ReadonlyArray<number>, total: number): ReadonlyArray<number> =>
  apportioned(
    parts.map((part) => part * total),
    total,
  )

/** @param exact what each is due, sums to `total`; what is negative gets nothing */
const apportioned = (exact: ReadonlyArray<number>, total: number): ReadonlyArray<number> => {
  const counts = exact.map((value) => Math.max(0, Math.floor(value)))
  let rest = total - counts.reduce((sum, count) => sum + count, 0)
  if (rest > 0) {
    exact
      // What is equal but for rounding is a tie.
      .map((value, index) => ({ index, remainder: Math.round(1e9 * (value - counts[index]!)) }))
      .sort((a, b) => b.remainder - a.remainder || a.index - b.index)
      .slice(0, rest)
      .forEach(({ index }) => (counts[index]! += 1))
  }
  // Some were owed less than nothing: the others give it back.
  for (; rest < 0; rest++) {
    const ahead = exact.map((value, index) => (counts[index]! > 0 ? counts[index]! - value : -Infinity))
    counts[ahead.indexOf(Math.max(...ahead))]! -= 1
  }
  return counts
}

/** So many of each, again and again: the next whole numbers for these shares of `total`. */
export type Apportioning = (shares: ReadonlyArray<number>, total: number) => ReadonlyArray<number>

/** The numbers of one round after the other. */
export type Quota = () => ReadonlyArray<number>

/**
 * Largest remainders round after round. What a round could not give is owed in the next, so that in the long run even a
 * share below one in a round is met.
 */
export const make = (parts: number): Apportioning => {
  let owed: ReadonlyArray<number> = Array<number>(parts).fill(0)
  return (shares, total) => {
    const exact = shares.map((share, at) => share * total + owed[at]!)
    const counts = apportioned(exact, total)
    // A share of nothing is owed nothing.
    owed = exact.map((value, at) => (shares[at] === 0 ? 0 : value - counts[at]!))
    return counts
  }
}

/** One after the other: always the one that is furthest behind its share; ties to the earlier. */
export const oneByOne = (parts: number): ((shares: ReadonlyArray<number>) => number) => {
  const owed = Array<number>(parts).fill(0)
  return (shares) => {
    shares.forEach((share, at) => (owed[at]! += share))
    let next = -1
    // Sums of shares are no whole numbers: their rounding makes no difference.
    shares.forEach((share, at) => {
      if (share > 0 && (next === -1 || owed[at]! > owed[next]! + 1e-9)) next = at
    })
    owed[next]! -= 1
    return next
  }
}

/** So many times the first position, then the second … */
export const positions = (counts: ReadonlyArray<number>): Uint32Array<ArrayBuffer> => {
  const order = new Uint32Array(counts.reduce((sum, count) => sum + count, 0))
  let from = 0
  counts.forEach((count, index) => order.fill(index, from, (from += count)))
  return order
}
