/** How far two lists of numbers go together. */

/** Pearson's r, from -1 to 1; NaN where one of the lists is constant or shorter than 2. */
export const pearson = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const [meanA, meanB] = [mean(a), mean(b)]
  let [product, ofA, ofB] = [0, 0, 0]
  for (let at = 0; at < a.length; at++) {
    const [x, y] = [a[at]! - meanA, b[at]! - meanB]
    product += x * y
    ofA += x * x
    ofB += y * y
  }
  // Each root for itself: the product of two small squares is 0.
  const lengths = Math.sqrt(ofA) * Math.sqrt(ofB)
  return lengths === 0 ? Number.NaN : Math.max(-1, Math.min(1, product / lengths))
}

/** Spearman's ρ: Pearson's r of the ranks, equals having the mean of theirs. */
export const spearman = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => pearson(ranks(a), ranks(b))

/** From 1, the least first. */
const ranks = (values: ReadonlyArray<number>): ReadonlyArray<number> => {
  const order = values.map((_, at) => at).sort((i, j) => values[i]! - values[j]!)
  const found = Array<number>(values.length)
  for (let from = 0; from < order.length;) {
    let to = from + 1
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++
    for (let place = from; place < to; place++) found[order[place]!] = (from + 1 + to) / 2
    from = to
  }
  return found
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length
