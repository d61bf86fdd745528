/**
 * Copies of training examples.
 *
 * - What copy number c of an example says follows from the seed, the example's id and c alone.
 * - It carries the example's labels, and for tokens the tags that belong to them; its `origin` is the example's.
 * - Its id is `<id>~<c>`. Numbers begin after those that copies of the example have already.
 * - None has the text of its example, of another example or of another copy, by normalised text. Of equal copies the one
 *   of the smallest id stays, so which it is does not depend on the order of the examples.
 */
import * as Dataset from "@thaw/core/Dataset"
import * as Seed from "@thaw/core/Seed"
import * as NormalisedText from "../NormalisedText.ts"
import { apply, type Applied as OperationApplied, type World } from "./Apply.ts"
import type { Asking } from "./Edit.ts"
import type { Operation } from "./Operation.ts"
import * as Sentence from "./Sentence.ts"

export interface Applied extends Omit<OperationApplied, "operation"> {
  readonly operation: string
}

export interface Copy {
  readonly row: Dataset.Example
  readonly from: Dataset.Example
  readonly number: number
  readonly applied: ReadonlyArray<Applied>
}

export const idOf = (id: string, number: number): string => `${id}~${number}`

/** All texts of an example. */
export const textsOf = (row: Dataset.Example): ReadonlyArray<string> => [
  Dataset.textOf(row),
  ...(row.pair === undefined ? [] : [row.pair]),
  ...(row.negative === undefined ? [] : [row.negative]),
]

/** Ids that copies have already: those of examples made from others. */
export const taken = (rows: Iterable<Dataset.Example>): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const { id } of rows) if (id.includes("~")) found.add(id)
  return found
}

/** The next numbers that no copy of the example has. */
export const numbers = (id: string, count: number, ids: ReadonlySet<string>): ReadonlyArray<number> => {
  const free: Array<number> = []
  for (let number = 1; free.length < count; number++) if (!ids.has(idOf(id, number))) free.push(number)
  return free
}

/** One copy, equal to its example or not. */
export function* make(
  operation: Operation,
  from: Dataset.Example,
  number: number,
  world: World & { readonly locked: Sentence.Protected },
  seed: Seed.Seed,
): Asking<Copy> {
  const own = Seed.derive(seed, from.id, String(number))
  const row: { -readonly [K in keyof Dataset.Example]: Dataset.Example[K] } = { ...from, id: idOf(from.id, number) }
  const applied: Array<Applied> = []
  if (from.tokens === undefined) {
    const first = yield* apply(operation, Sentence.ofText(from.text ?? "", world.locked), world, own)
    row.text = Sentence.textOf(first.sentence)
    applied.push(...first.applied)
  } else {
    const outcome = yield* apply(operation, Sentence.ofTokens(from.tokens, from.tags, world.locked), world, own)
    const { pieces } = outcome.sentence
    row.tokens = pieces.map(({ text }) => text)
    row.tags = Object.fromEntries(
      Object.keys(from.tags).map((task) => [task, pieces.map((piece) => piece.tags[task]!)]),
    )
    applied.push(...outcome.applied)
  }
  for (const part of ["pair", "negative"] as const) {
    const text = from[part]
    if (text === undefined) continue
    const outcome = yield* apply(operation, Sentence.ofText(text, world.locked), world, Seed.derive(own, part))
    row[part] = Sentence.textOf(outcome.sentence)
    applied.push(...outcome.applied)
  }
  return { row, from, number, applied }
}

export interface Distinct {
  readonly kept: ReadonlyArray<Copy>
  readonly equalToOrigin: number
  readonly equalToAnother: number
}

/**
 * The copies whose text nobody else has.
 *
 * @param rows all examples, also those without copies; read once more
 */
export const distinct = (copies: ReadonlyArray<Copy>, rows: Iterable<Dataset.Example>): Distinct => {
  const changed = copies.flatMap((copy) => {
    const key = NormalisedText.ofExample(copy.row)
    return key === NormalisedText.ofExample(copy.from) || key.trim() === "" ? [] : [{ copy, key }]
  })
  const first = new Map<string, Copy>()
  for (const { copy, key } of changed) {
    const other = first.get(key)
    if (other === undefined || before(copy, other)) first.set(key, copy)
  }
  for (const row of rows) first.delete(NormalisedText.ofExample(row))
  const kept = changed.flatMap(({ copy, key }) => (first.get(key) === copy ? [copy] : []))
  return {
    kept,
    equalToOrigin: copies.length - changed.length,
    equalToAnother: changed.length - kept.length,
  }
}

/** The examples, unless they are to be dropped, and the copies after them. */
export const withCopies = (
  examples: Dataset.TrainExamples,
  originals: "keep" | "drop",
  kept: ReadonlyArray<Copy>,
): Dataset.TrainExamples =>
  Dataset.withRows(examples, together(originals === "keep" ? Dataset.rowsOf(examples) : [], kept))

/** Examples may be more than memory holds: they are read as they are written. */
function* together(originals: Iterable<Dataset.Example>, kept: ReadonlyArray<Copy>): Generator<Dataset.Example> {
  yield* originals
  for (const { row } of kept) yield row
}

const before = (a: Copy, b: Copy): boolean => a.from.id < b.from.id || (a.from.id === b.from.id && a.number < b.number)
