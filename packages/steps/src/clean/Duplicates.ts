/**
 * Every text once. The first example with a text stays, and takes over the labels that its copies have for tasks it has
 * none for, so that nothing that was annotated is lost.
 *
 * Texts are compared by 64-bit hashes: 8 bytes an example, and more only for texts that occur several times.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { Effect, Schema } from "effect"
import * as NormalisedText from "../NormalisedText.ts"
import * as TextSet from "@thaw/models/TextSet"
import * as Texts from "../Texts.ts"
import * as Cleaning from "./Cleaning.ts"

/** What an example says about its tasks. */
const forms = ["labels", "tags", "labelSets", "scores"] as const
type Form = (typeof forms)[number]

/** How often one label, sequence of tags, set of labels or score is given to a text. */
interface Vote {
  readonly task: string
  readonly form: Form
  /** As JSON; a set sorted. */
  readonly value: string
  count: number
}

/** The examples with one text. */
interface Group {
  /** Place and id of the first. */
  readonly first: number
  readonly id: string
  readonly tokens: number
  readonly votes: Array<Vote>
}

/**
 * `Clean.duplicates({ examples, conflicts: "majority" })`. Texts are the same `"normalised"` (case, width and white space
 * count for nothing) unless `by` is `"exact"`.
 *
 * Copies that carry different labels for one task are refused; with `conflicts: "drop"` none of them stays; with
 * `"majority"` the most frequent label is kept, and none stays where there is no single one.
 *
 * Deterministic, by the order of the rows. Fails with `InvalidData` on conflicts that are refused.
 */
export const duplicates = Cleaning.make({
  name: "Clean.duplicates",
  version: "1",
  input: {
    by: Schema.optionalKey(Schema.Literals(["normalised", "exact"])),
    conflicts: Schema.optionalKey(Schema.Literals(["refuse", "drop", "majority"])),
  },
  decide: Effect.fnUntraced(function* ({ by = "normalised", conflicts = "refuse" }, examples, where) {
    const keyOf = by === "exact" ? exactKey : normalisedKey
    const groups = groupsOf(examples, keyOf)
    if (conflicts === "refuse") yield* requireAgreement(examples, groups, keyOf, where)
    return (row, at) => decide(row, at, groups.get(keyOf(row)), conflicts)
  }),
})

const exactKey = (row: Dataset.Example): bigint =>
  BigInt(`0x${NormalisedText.hash(JSON.stringify([row.text ?? row.tokens, row.pair, row.negative]))}`)

/** A pair stands there once for every negative, and that is no copy. */
const normalisedKey = (row: Dataset.Example): bigint => {
  const texts = NormalisedText.ofExample(row)
  const all = row.negative === undefined ? texts : `${texts}\n${NormalisedText.of(row.negative)}`
  return BigInt(`0x${NormalisedText.hash(all)}`)
}

/** Groups of more than one example. */
const groupsOf = (examples: Dataset.Dataset, keyOf: (row: Dataset.Example) => bigint): ReadonlyMap<bigint, Group> => {
  const repeated = TextSet.repeated(keysOf(examples, keyOf))
  const groups = new Map<bigint, Group>()
  let at = 0
  for (const row of Dataset.rowsOf(examples)) {
    const key = keyOf(row)
    if (TextSet.has(repeated, key)) {
      const group = groups.get(key) ?? { first: at, id: row.id, tokens: row.tokens?.length ?? 0, votes: [] }
      groups.set(key, group)
      vote(group, row)
    }
    at++
  }
  return groups
}

function* keysOf(examples: Dataset.Dataset, keyOf: (row: Dataset.Example) => bigint): Generator<bigint> {
  for (const row of Dataset.rowsOf(examples)) yield keyOf(row)
}

const vote = ({ votes, tokens }: Group, row: Dataset.Example): void => {
  for (const form of forms) {
    for (const [task, own] of Object.entries<string | number | ReadonlyArray<string>>(row[form] ?? {})) {
      // One normalised text may be cut into tokens in two ways; tags of the other way do not fit the one that stays.
      if (form === "tags" && (own as ReadonlyArray<string>).length !== tokens) continue
      const value = JSON.stringify(form === "labelSets" ? [...(own as ReadonlyArray<string>)].sort() : own)
      const known = votes.find((each) => each.task === task && each.value === value)
      if (known === undefined) votes.push({ task, form, value, count: 1 })
      else known.count++
    }
  }
}

/** Votes task by task, the most frequent first. */
const byTask = ({ votes }: Group): ReadonlyArray<readonly [task: string, votes: ReadonlyArray<Vote>]> =>
  [...Map.groupBy(votes, ({ task }) => task)].map(([task, all]) => [task, all.toSorted((a, b) => b.count - a.count)])

const isSplit = (votes: ReadonlyArray<Vote>): boolean => votes.length > 1
const isTied = ([first, second]: ReadonlyArray<Vote>): boolean => second !== undefined && second.count === first!.count

const decide = (
  row: Dataset.Example,
  at: number,
  group: Group | undefined,
  conflicts: "refuse" | "drop" | "majority",
): Cleaning.Decision => {
  if (group === undefined) return Cleaning.unchanged(row)
  const tasks = byTask(group)
  const hopeless = tasks.find(([, votes]) => (conflicts === "majority" ? isTied(votes) : isSplit(votes)))
  if (hopeless !== undefined) {
    const removed =
      conflicts === "majority" ? "whose copies agree on no label by majority" : "whose copies carry different labels"
    return { removed, what: () => `${Texts.shown(Dataset.textOf(row))}: ${told(...hopeless)}` }
  }
  if (at !== group.first) return { removed: "with the text of an earlier one", what: () => `the text of ${group.id}` }
  const changes: Array<Cleaning.Change> = []
  const said: Partial<Record<Form, Record<string, unknown>>> = {}
  for (const [task, [winner, other]] of tasks) {
    const { form, value } = winner!
    const own = row[form]?.[task]
    const column = (said[form] ??= { ...row[form] })
    // Equal sets may stand in two orders: what the example says itself stays as it is.
    if (own === undefined || other !== undefined) column[task] = JSON.parse(value)
    if (other !== undefined) {
      changes.push({ why: "with the label that most copies carry", what: () => told(task, [winner!, other]) })
    } else if (own === undefined) {
      changes.push({ why: "with a label that only a copy carries", what: () => told(task, [winner!]) })
    }
  }
  return { row: { ...row, ...said } as Dataset.Example, changes }
}

const told = (task: string, votes: ReadonlyArray<Vote>): string =>
  `task ${JSON.stringify(task)}: ${votes.map(({ value, count }) => `${value} ${count}×`).join(", ")}`

const requireAgreement = Effect.fnUntraced(function* (
  examples: Dataset.Dataset,
  groups: ReadonlyMap<bigint, Group>,
  keyOf: (row: Dataset.Example) => bigint,
  where: string,
) {
  let count = 0
  let first: { readonly group: Group; readonly key: bigint; readonly about: string } | undefined
  for (const [key, group] of groups) {
    const split = byTask(group).find(([, votes]) => isSplit(votes))
    if (split === undefined) continue
    count++
    first ??= { group, key, about: told(...split) }
  }
  if (first === undefined) return
  let text = ""
  for (const row of Dataset.rowsOf(examples)) {
    if (keyOf(row) !== first.key) continue
    text = Dataset.textOf(row)
    break
  }
  return yield* new InvalidData({
    where,
    expected: "equal texts to carry equal labels",
    got: `${count} with different ones, first ${Texts.shown(text)} (example ${first.group.id}, ${first.about})`,
    advice: `Pass conflicts: ${Problem.list(["drop"])} to leave them out, or ${Problem.list(["majority"])} to keep what most say.`,
  })
})
