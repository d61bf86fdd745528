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
import { Sets } from "./Sets.ts"

export interface Units {
  readonly count: number
  /** Unit of the example at a place; -1 where it was left out. */
  readonly of: Int32Array
  /** Examples of a unit. */
  readonly sizes: Int32Array
  /** Of a unit: uniform in [0, 1), from the seed and its text or group alone. */
  readonly ranks: ReadonlyArray<number>
  /** A key for every label and every tag that a unit carries. */
  readonly keys: (unit: number) => ReadonlyArray<string>
  /** Units by stratum: those that are labelled alike. */
  readonly strata: () => ReadonlyMap<string, ReadonlyArray<number>>
}

export interface Choice {
  /** The only task whose labels make strata; all where undefined. */
  readonly by?: string | undefined
  /** Normalised texts whose examples go nowhere. */
  readonly leftOut?: Pick<Fingerprints, "get">
}

/** A unit a text. */
export const ofTexts = (examples: Dataset.Dataset, seed: Seed.Seed, { by, leftOut }: Choice = {}): Units => {
  const texts = new Fingerprints()
  const ranks: Array<number> = []
  const unitOf = (row: Dataset.Example): number => {
    const text = NormalisedText.ofExample(row)
    if (leftOut !== undefined && leftOut.get(text) !== -1) return -1
    const known = texts.add(text, ranks.length)
    return known === -1 ? ranks.push(Seed.fraction(seed, "text", text)) - 1 : known
  }
  return gather(examples, unitOf, ranks, (row) => stratumOf(row, by))
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
    () => [],
  )
  return { ...units, groups, shared }
}

/** @param ranks of the units, complete once all examples were asked for */
const gather = (
  examples: Dataset.Dataset,
  unitOf: (row: Dataset.Example) => number,
  ranks: ReadonlyArray<number>,
  stratumOfRow: (row: Dataset.Example) => ReadonlyArray<string>,
): Units => {
  const of = new Int32Array(examples.size)
  const sets = new Sets()
  const keys: Array<number> = []
  const strata: Array<number> = []
  let at = 0
  for (const row of Dataset.rowsOf(examples)) {
    const unit = unitOf(row)
    of[at++] = unit
    if (unit === -1) continue
    keys[unit] = sets.union(keys[unit] ?? 0, sets.of(keysOf(row)))
    strata[unit] = sets.union(strata[unit] ?? 0, sets.of(stratumOfRow(row)))
  }
  const sizes = new Int32Array(ranks.length)
  for (const unit of of) if (unit !== -1) sizes[unit]!++
  return {
    count: ranks.length,
    of,
    sizes,
    ranks,
    keys: (unit) => sets.get(keys[unit]!),
    strata: () => {
      const byNumber = Map.groupBy(strata.keys(), (unit) => strata[unit]!)
      return new Map([...byNumber].map(([set, units]) => [sets.get(set).join(), units]))
    },
  }
}

/** What an example's labels are, task by task; a unit's stratum is that of all its examples together. */
const stratumOf = ({ labels, tags, labelSets = {} }: Dataset.Example, by: string | undefined): ReadonlyArray<string> =>
  [
    ...Object.entries(labels),
    ...Object.keys(tags).map((task) => [task, "tagged"] as const),
    ...Object.entries(labelSets).flatMap(([task, set]) => set.map((label) => [task, label] as const)),
  ]
    .filter(([task]) => by === undefined || task === by)
    .map((pair) => JSON.stringify(pair))

/** A key for every label and every tag that the example carries. */
export const keysOf = ({ labels, tags, labelSets = {} }: Dataset.Example): ReadonlyArray<string> => [
  ...Object.entries(labels).map((pair) => JSON.stringify(pair)),
  ...[...Object.entries(tags), ...Object.entries(labelSets)].flatMap(([task, values]) =>
    [...new Set(values)].map((value) => JSON.stringify([task, value])),
  ),
]

/** Units by rank, lowest first. */
export const ranked = ({ ranks }: Units, units: ArrayLike<number>): Int32Array =>
  Int32Array.from(units).sort((a, b) => ranks[a]! - ranks[b]! || a - b)
