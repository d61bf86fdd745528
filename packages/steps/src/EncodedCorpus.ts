/**
 * Encoded examples, held in columns: what a million of them cost is the ids of their tokens and a few numbers each.
 *
 * ```
 * ids      one after the other: 2 bytes a token, 4 where the vocabulary has more than 65,536
 * typeIds  1 byte a token, nothing while all are 0 (they are without a second text)
 * words    4 bytes a token, only where a task has tags or hides words
 * classes  4 bytes an example and classification task
 * tags     4 bytes a word and token task
 * sets     4 bytes a label and task with several labels an example
 * scores   8 bytes an example and task with numbers
 * ```
 *
 * An example is a view of its columns. Two views of one example are the same object. Further texts of an example lie
 * beside it, as if they were examples that say nothing.
 */
import type * as Dataset from "@thaw/core/Dataset"
import type * as Tokenizer from "@thaw/models/Tokenizer"
import type { EncodedExample } from "./Batch.ts"

type Numbers = Float64Array | Int32Array | Uint16Array | Uint8Array

/** Numbers one after the other. */
class Column<A extends Numbers> {
  private kept: A
  length = 0
  constructor(empty: A) {
    this.kept = empty
  }
  /** Room for `more` numbers; gives where they go. */
  private reserve(more: number): number {
    const from = this.length
    this.length += more
    if (this.length > this.kept.length) {
      const size = Math.max(1024, this.length, Math.ceil(1.5 * this.kept.length))
      const larger = new (this.kept.constructor as new (length: number) => A)(size)
      larger.set(this.kept.subarray(0, from))
      this.kept = larger
    }
    return from
  }
  push(number: number): void {
    const place = this.reserve(1)
    this.kept[place] = number
  }
  append(numbers: ArrayLike<number>): void {
    const place = this.reserve(numbers.length)
    this.kept.set(numbers, place)
  }
  at(place: number): number {
    return this.kept[place]!
  }
  slice(from: number, to: number): Int32Array {
    return Int32Array.from(this.kept.subarray(from, to))
  }
}

const int32s = () => new Column(new Int32Array(0))

const none = -1

/** What the examples say of one task, in their order. */
interface Answers<A> {
  /** Undefined: the example does not say. */
  readonly add: (answer: A | undefined) => void
  readonly has: (at: number) => boolean
  /** Of an example that says something. */
  readonly at: (at: number) => A
}

/** A class each. */
class Classes implements Answers<number> {
  private readonly classes = int32s()
  add(answer: number | undefined): void {
    this.classes.push(answer ?? none)
  }
  has(at: number): boolean {
    return this.classes.at(at) !== none
  }
  at(at: number): number {
    return this.classes.at(at)
  }
}

/** Several classes each. */
class Sequences implements Answers<ReadonlyArray<number>> {
  private readonly classes = int32s()
  /** Where an example's begin, or `none`. */
  private readonly starts = int32s()
  private readonly counts = int32s()
  add(answer: ReadonlyArray<number> | undefined): void {
    this.starts.push(answer === undefined ? none : this.classes.length)
    this.counts.push(answer?.length ?? 0)
    if (answer !== undefined) this.classes.append(answer)
  }
  has(at: number): boolean {
    return this.starts.at(at) !== none
  }
  at(at: number): ReadonlyArray<number> {
    const from = this.starts.at(at)
    return Array.from(this.classes.slice(from, from + this.counts.at(at)))
  }
}

/** A number each. */
class Scores implements Answers<number> {
  private readonly scores = new Column(new Float64Array(0))
  add(answer: number | undefined): void {
    this.scores.push(answer ?? Number.NaN)
  }
  has(at: number): boolean {
    return !Number.isNaN(this.scores.at(at))
  }
  at(at: number): number {
    return this.scores.at(at)
  }
}

type ByTask<A> = ReadonlyMap<string, Answers<A>>

/** What one example says, task by task. */
const answersOf = <A>(columns: ByTask<A>, at: number): Readonly<Record<string, A>> => {
  const found: Record<string, A> = {}
  for (const [task, column] of columns) if (column.has(at)) found[task] = column.at(at)
  return found
}

export interface Shape {
  readonly vocabularySize: number
  /** What examples have for each task. */
  readonly roles: Readonly<Record<string, Dataset.Role | undefined>>
  /** Whether a task asks which tokens are of one word; those with tags do. */
  readonly words?: boolean
}

/** What an example says beside its tokens, by task; a task that it says nothing of is absent. */
export interface Labels {
  readonly classes: ReadonlyMap<string, number>
  readonly tags: ReadonlyMap<string, ReadonlyArray<number>>
  /** Classes in order, each once. */
  readonly classSets: ReadonlyMap<string, ReadonlyArray<number>>
  readonly scores: ReadonlyMap<string, number>
}

/** Of an example that says nothing. */
export const nothing: Labels = { classes: new Map(), tags: new Map(), classSets: new Map(), scores: new Map() }

class Columns {
  private readonly tokens: Column<Int32Array> | Column<Uint16Array>
  private types: Column<Uint8Array> | undefined
  private readonly wordOf: Column<Int32Array> | undefined
  private readonly starts = int32s()
  private names = Buffer.alloc(1024)
  private readonly nameEnds = int32s()
  private readonly classes: ByTask<number>
  private readonly tags: ByTask<ReadonlyArray<number>>
  private readonly classSets: ByTask<ReadonlyArray<number>>
  private readonly scores: ByTask<number>

  constructor({ vocabularySize, roles, words = false }: Shape) {
    const tasksOf = (role: Dataset.Role) => Object.keys(roles).filter((task) => roles[task] === role)
    this.tokens = vocabularySize > 2 ** 16 ? int32s() : new Column(new Uint16Array(0))
    this.wordOf = words || tasksOf("tags").length > 0 ? int32s() : undefined
    this.classes = new Map(tasksOf("label").map((task) => [task, new Classes()]))
    this.tags = new Map(tasksOf("tags").map((task) => [task, new Sequences()]))
    this.classSets = new Map(tasksOf("labels").map((task) => [task, new Sequences()]))
    this.scores = new Map(tasksOf("score").map((task) => [task, new Scores()]))
  }

  add(id: string, { ids, typeIds, words }: Tokenizer.Encoded, labels: Labels): void {
    this.starts.push(this.tokens.length)
    if (this.types === undefined && typeIds.some((type) => type !== 0)) {
      this.types = new Column(new Uint8Array(this.tokens.length))
      this.types.length = this.tokens.length
    }
    this.types?.append(typeIds)
    this.wordOf?.append(words)
    this.tokens.append(ids)
    this.addName(id)
    for (const [task, column] of this.classes) column.add(labels.classes.get(task))
    for (const [task, column] of this.tags) column.add(labels.tags.get(task))
    for (const [task, column] of this.classSets) column.add(labels.classSets.get(task))
    for (const [task, column] of this.scores) column.add(labels.scores.get(task))
  }

  private addName(id: string): void {
    const from = this.nameEnds.length === 0 ? 0 : this.nameEnds.at(this.nameEnds.length - 1)
    if (from + 3 * id.length > this.names.length) {
      const larger = Buffer.alloc(Math.ceil(1.5 * (from + 3 * id.length)))
      larger.set(this.names)
      this.names = larger
    }
    this.nameEnds.push(from + this.names.write(id, from, "utf8"))
  }

  get size(): number {
    return this.starts.length
  }

  idOf(at: number): string {
    return this.names.toString("utf8", at === 0 ? 0 : this.nameEnds.at(at - 1), this.nameEnds.at(at))
  }

  private end(at: number): number {
    return at + 1 === this.starts.length ? this.tokens.length : this.starts.at(at + 1)
  }

  tokensOf(at: number): number {
    return this.end(at) - this.starts.at(at)
  }

  ids(at: number): Int32Array {
    return this.tokens.slice(this.starts.at(at), this.end(at))
  }

  typeIds(at: number): Int32Array {
    return this.types?.slice(this.starts.at(at), this.end(at)) ?? new Int32Array(this.tokensOf(at))
  }

  words(at: number): Int32Array {
    return this.wordOf?.slice(this.starts.at(at), this.end(at)) ?? new Int32Array(this.tokensOf(at)).fill(none)
  }

  classesOf(at: number): Readonly<Record<string, number>> {
    return answersOf(this.classes, at)
  }

  tagsOf(at: number): Readonly<Record<string, ReadonlyArray<number>>> {
    return answersOf(this.tags, at)
  }

  classSetsOf(at: number): Readonly<Record<string, ReadonlyArray<number>>> {
    return answersOf(this.classSets, at)
  }

  scoresOf(at: number): Readonly<Record<string, number>> {
    return answersOf(this.scores, at)
  }

  isLabelled(at: number, task: string): boolean {
    return [this.classes, this.tags, this.classSets, this.scores].some((columns) => columns.get(task)?.has(at) === true)
  }
}

class HeldEncoding implements Tokenizer.Encoded {
  private readonly columns: Columns
  private readonly at: number
  constructor(columns: Columns, at: number) {
    this.columns = columns
    this.at = at
  }
  get ids(): Int32Array {
    return this.columns.ids(this.at)
  }
  get typeIds(): Int32Array {
    return this.columns.typeIds(this.at)
  }
  get words(): Int32Array {
    return this.columns.words(this.at)
  }
}

/** An example as a view: what is asked for is made when it is asked for. */
export class Held implements EncodedExample {
  private readonly columns: Columns
  private readonly at: number
  readonly beside: ReadonlyArray<Held>
  constructor(columns: Columns, at: number, beside: ReadonlyArray<Held>) {
    this.columns = columns
    this.at = at
    this.beside = beside
  }
  get id(): string {
    return this.columns.idOf(this.at)
  }
  get encoding(): Tokenizer.Encoded {
    return new HeldEncoding(this.columns, this.at)
  }
  get classes(): Readonly<Record<string, number>> {
    return this.columns.classesOf(this.at)
  }
  get tags(): Readonly<Record<string, ReadonlyArray<number>>> {
    return this.columns.tagsOf(this.at)
  }
  get classSets(): Readonly<Record<string, ReadonlyArray<number>>> {
    return this.columns.classSetsOf(this.at)
  }
  get scores(): Readonly<Record<string, number>> {
    return this.columns.scoresOf(this.at)
  }
  get tokens(): number {
    return this.columns.tokensOf(this.at)
  }
  isLabelled(task: string): boolean {
    return this.columns.isLabelled(this.at, task)
  }
}

const alone: ReadonlyArray<Held> = []

/** Takes examples one by one. */
export interface Collector {
  /** @param beside further texts of the example */
  readonly add: (
    id: string,
    encoding: Tokenizer.Encoded,
    labels: Labels,
    beside?: ReadonlyArray<Tokenizer.Encoded>,
  ) => void
  readonly examples: ReadonlyArray<EncodedExample>
}

export const collector = (shape: Shape): Collector => {
  const columns = new Columns(shape)
  const examples: Array<Held> = []
  return {
    add: (id, encoding, labels, beside = []) => {
      const at = columns.size
      columns.add(id, encoding, labels)
      for (const each of beside) columns.add("", each, nothing)
      const others = beside.map((_, place) => new Held(columns, at + 1 + place, alone))
      examples.push(new Held(columns, at, others.length === 0 ? alone : others))
    },
    examples,
  }
}
