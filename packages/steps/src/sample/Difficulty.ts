/** How hard a task's examples are, by what is known of them before training. */
import type * as Curriculum from "./Curriculum.ts"

/** A task's training examples. */
export interface Source {
  readonly size: number
  readonly tokensOf: (row: number) => ArrayLike<number>
  /** A score of the dataset. */
  readonly scoreOf: (row: number, name: string) => number
}

/** Difficulty of each example. */
export const of = (by: Curriculum.Difficulty, { size, tokensOf, scoreOf }: Source): Float64Array => {
  switch (by._tag) {
    case "length":
      return Float64Array.from({ length: size }, (_, row) => tokensOf(row).length)
    case "rarity":
      return rarities(size, tokensOf)
    case "score":
      return Float64Array.from({ length: size }, (_, row) => scoreOf(row, by.name))
  }
}

/** −Σ log(how often the token occurs among all tokens). */
const rarities = (size: number, tokensOf: Source["tokensOf"]): Float64Array => {
  const counts = new Map<number, number>()
  let all = 0
  for (let row = 0; row < size; row++) {
    const tokens = tokensOf(row)
    for (let at = 0; at < tokens.length; at++) counts.set(tokens[at]!, (counts.get(tokens[at]!) ?? 0) + 1)
    all += tokens.length
  }
  const logs = new Map([...counts].map(([token, count]) => [token, -Math.log(count / all)]))
  return Float64Array.from({ length: size }, (_, row) => {
    const tokens = tokensOf(row)
    let sum = 0
    for (let at = 0; at < tokens.length; at++) sum += logs.get(tokens[at]!)!
    return sum
  })
}
