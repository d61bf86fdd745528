/**
 * Units: what a split deals out as a whole, so that nothing of it is on two sides. A text is one unit with all its
 * examples; groups that share a text are one unit with all theirs.
 *
 * Of an example only numbers are held: the unit it belongs to, and for the unit which labels it carries.
 */
import * as Dataset from "@thaw/core/Dataset"
import { Fingerprints } from "@thaw/core/Fingerprints"
import * as Seed from "@thaw/core/Seed"
import * as NormalisedText from "../NormalisedText.ts"

export interface Units {
  readonly count: number
  /** Unit of the example at a place. */
  readonly of: Int32Array
  /** Examples of a unit. */
  readonly sizes: Int32Array
  /** Of a unit: uniform in [0, 1), from the seed and its text or group alone. */
  readonly ranks: Float64Array
  /** Labels and tags that a unit carries, each as JSON `[task, label]`, sorted. */
  readonly labels: (unit: number) => ReadonlyArray<string>
}

/** A unit a text. */
export const ofTexts = (examples: Dataset.Dataset, seed: Seed.Seed): Units => {
  const texts = new Fingerprints()
  const ranks: Array<number> = []
  return gather(
    examples,
    (row) => {
      const text = NormalisedText.ofExample(row)
      const known = texts.add(text, ranks.length)
      if (known !== -1) return known
      return ranks.push(Seed.fraction(seed, "text", text)) - 1
    },
    ranks,
  )
}

export interface Grouped extends Units {
  /** How many different groups there are. */
  readonly groups: number
  /** A text that several groups share, if one does. */
  readonly shared: string | undefined
}

/** A unit for all groups that are joined by shared texts; an example without a group is one with its text. */
export const ofGroups = (
  examples: Dataset.Dataset,
  groupOf: (row: Dataset.Example) => string | undefined,
  seed: Seed.Seed,
): Grouped => {
  // Texts and groups are nodes; an example is an edge between its two. What is connected is one unit.
  const nodes = new Fingerprints()
  const above: Array<number> = []
  const rank: Array<number> = []
  let groups = 0
  let shared: string | undefined
  const node = (kind: "text" | "group", name: string): number => {
    const known = nodes.add(`${kind} ${name}`, above.length)
    if (known !== -1) return known
    if (kind === "group") groups++
    // Where there are groups the lowest of theirs decides, so that a further text moves no unit.
    rank.push(kind === "group" ? Seed.fraction(seed, "group", name) : 1 + Seed.fraction(seed, "text", name))
    return above.push(above.length) - 1
  }
  const root = (from: number): number => {
    let at = from
    while (above[at] !== at) {
      above[at] = above[above[at]!]!
      at = above[at]!
    }
    return at
  }
  const first = new Int32Array(examples.size)
  let place = 0
  for (const row of Dataset.rowsOf(examples)) {
    const text = NormalisedText.ofExample(row)
    const own = node("text", text)
    first[place++] = own
    const group = groupOf(row)
    if (group === undefined) continue
    const other = root(node("group", group))
    const before = root(own)
    if (before === other) continue
    // The text already belongs to another group.
    if (rank[before]! < 1) shared ??= text
    above[before] = other
    rank[other] = Math.min(rank[other]!, rank[before]!)
  }
  const unitOf = new Map<number, number>()
  const ranks: Array<number> = []
  let at = 0
  const units = gather(
    examples,
    () => {
      const top = root(first[at++]!)
      const known = unitOf.get(top)
      if (known !== undefined) return known
      unitOf.set(top, ranks.length)
      return ranks.push(rank[top]! % 1) - 1
    },
    ranks,
  )
  return { ...units, groups, shared }
}

/** @param ranks of the units, complete once all examples were asked for */
const gather = (
  examples: Dataset.Dataset,
  unitOf: (row: Dataset.Example) => number,
  ranks: ReadonlyArray<number>,
): Units => {
  const of = new Int32Array(examples.size)
  const combinations = new Combinations()
  const carried: Array<number> = []
  let at = 0
  for (const row of Dataset.rowsOf(examples)) {
    const unit = unitOf(row)
    of[at++] = unit
    carried[unit] = combinations.joined(carried[unit] ?? 0, combinations.of(keysOf(row)))
  }
  const sizes = new Int32Array(ranks.length)
  for (const unit of of) sizes[unit]!++
  return {
    count: ranks.length,
    of,
    sizes,
    ranks: Float64Array.from(ranks),
    labels: (unit) => combinations.keys(carried[unit]!),
  }
}

/** A key for every label and every tag that an example carries. */
const keysOf = ({ labels, tags, labelSets = {} }: Dataset.Example): ReadonlyArray<string> => [
  ...Object.entries(labels).map((pair) => JSON.stringify(pair)),
  ...Object.entries({ ...tags, ...labelSets }).flatMap(([task, all]) =>
    [...new Set(all)].map((each) => JSON.stringify([task, each])),
  ),
]

/** Sets of labels by number: millions of units carry few different ones. */
class Combinations {
  private readonly all: Array<ReadonlyArray<string>> = [[]]
  private readonly numbers = new Map<string, number>([["", 0]])
  private readonly joins = new Map<number, Map<number, number>>()

  of(keys: ReadonlyArray<string>): number {
    const sorted = [...new Set(keys)].sort()
    const name = sorted.join()
    const known = this.numbers.get(name)
    if (known !== undefined) return known
    this.numbers.set(name, this.all.length)
    return this.all.push(sorted) - 1
  }

  joined(a: number, b: number): number {
    if (a === b || b === 0) return a
    const known = this.joins.get(a)?.get(b)
    if (known !== undefined) return known
    const joined = this.of([...this.all[a]!, ...this.all[b]!])
    this.joins.set(a, (this.joins.get(a) ?? new Map<number, number>()).set(b, joined))
    return joined
  }

  keys(number: number): ReadonlyArray<string> {
    return this.all[number]!
  }
}

/** Units by rank, lowest first. */
export const ranked = ({ ranks }: Units, units: ArrayLike<number>): Int32Array =>
  Int32Array.from(units).sort((a, b) => ranks[a]! - ranks[b]!)
