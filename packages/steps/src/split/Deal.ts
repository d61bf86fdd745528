/**
 * Dealing texts out to parts, as `Split` says it, for datasets that may not fit in memory: what is held of a row is the
 * number of its text, and of a text its rank and the sets of labels that its examples carry, each set once.
 */
import * as Dataset from "@thaw/core/Dataset"
import { Fingerprints } from "@thaw/core/Fingerprints"
import * as Seed from "@thaw/core/Seed"
import * as NormalisedText from "../NormalisedText.ts"

export type Part = "train" | "validation" | "test"

export interface Shares {
  readonly validation: number
  readonly test: number
  /** The only task whose labels make strata; all where undefined. */
  readonly by: string | undefined
  readonly seed: Seed.Seed
}

export interface Dealt {
  /** Part of the row at a place; undefined where the row was left out. */
  readonly partOf: (at: number) => Part | undefined
  /** Rows by part. */
  readonly rows: Readonly<Record<Part, number>>
  /** Different texts. */
  readonly texts: number
  /** A key for every label and every tag in training. */
  readonly trained: ReadonlySet<string>
}

/** Sets of strings, each held once and known by a number; number 0 is the empty one. */
class Sets {
  private readonly numbers = new Map<string, number>([["", 0]])
  private readonly members: Array<ReadonlyArray<string>> = [[]]
  private readonly unions = new Map<number, number>()

  of(strings: Iterable<string>): number {
    const sorted = [...new Set(strings)].sort()
    const name = sorted.join()
    const known = this.numbers.get(name)
    if (known !== undefined) return known
    this.members.push(sorted)
    this.numbers.set(name, this.members.length - 1)
    return this.members.length - 1
  }

  get(number: number): ReadonlyArray<string> {
    return this.members[number]!
  }

  union(a: number, b: number): number {
    if (a === b || b === 0) return a
    // Exact below 2²⁶ different sets.
    const pair = a * 2 ** 26 + b
    const known = this.unions.get(pair) ?? this.of([...this.get(a), ...this.get(b)])
    this.unions.set(pair, known)
    return known
  }
}

/**
 * Every row to its part.
 *
 * @param leftOut normalised texts whose rows go nowhere
 */
export const deal = (
  dataset: Dataset.Dataset,
  { validation, test, by, seed }: Shares,
  leftOut: Pick<Fingerprints, "get"> = { get: () => -1 },
): Dealt => {
  const sets = new Sets()
  const texts = new Fingerprints()
  const textOfRow: Array<number> = []
  /** Of each text. Ranks are uniform in [0, 1), from the seed and the text alone. */
  const ranks: Array<number> = []
  const strata: Array<number> = []
  const keys: Array<number> = []
  for (const row of Dataset.rowsOf(dataset)) {
    const normalised = NormalisedText.ofExample(row)
    if (leftOut.get(normalised) !== -1) {
      textOfRow.push(-1)
      continue
    }
    const known = texts.add(normalised, ranks.length)
    const text = known === -1 ? ranks.length : known
    if (known === -1) {
      ranks.push(Seed.fraction(seed, "text", normalised))
      strata.push(0)
      keys.push(0)
    }
    textOfRow.push(text)
    strata[text] = sets.union(strata[text]!, sets.of(stratumOf(row, by)))
    keys[text] = sets.union(keys[text]!, sets.of(keysOf(row)))
  }

  const byRank = (members: Array<number>) => members.sort((a, b) => ranks[a]! - ranks[b]! || a - b)
  const parts: Array<Part> = ranks.map(() => "train")
  for (const [stratum, members] of Map.groupBy(parts.keys(), (text) => strata[text]!)) {
    const offset = Seed.fraction(seed, "stratum", sets.get(stratum).join())
    const testEnd = Math.floor(test * members.length + offset)
    const validationEnd = Math.floor((test + validation) * members.length + offset)
    byRank(members).forEach((text, place) => {
      parts[text] = place < testEnd ? "test" : place < validationEnd ? "validation" : "train"
    })
  }
  const trained = new Set<string>()
  for (const set of new Set(keys.filter((_, text) => parts[text] === "train"))) {
    for (const key of sets.get(set)) trained.add(key)
  }
  // Training comes first: it gets a text for every label and tag that only held-out texts carry.
  for (const text of byRank([...parts.keys()].filter((each) => parts[each] !== "train")).reverse()) {
    const carried = sets.get(keys[text]!)
    if (carried.every((key) => trained.has(key))) continue
    parts[text] = "train"
    for (const key of carried) trained.add(key)
  }

  const rows = { train: 0, validation: 0, test: 0 }
  for (const text of textOfRow) if (text !== -1) rows[parts[text]!]++
  return { partOf: (at) => parts[textOfRow[at]!], rows, texts: ranks.length, trained }
}

/** What an example's labels are, task by task; a text's stratum is that of all its examples together. */
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
