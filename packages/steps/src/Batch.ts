/**
 * From examples to the int32 tensors that a training or inference graph takes.
 *
 * Tasks that read the same dataset share its examples: one encoding serves all their losses, and a label an example
 * does not have is −100, which no loss reads.
 *
 * ```
 * input_ids, attention_mask, token_type_ids   int32 [batch, tokens]
 * labels.<task>                               int32 [batch]            classification
 *                                             int32 [batch, tokens]    token classification: first piece of a word
 * ```
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"

/** A label that no loss reads. */
export const ignored = -100

/** One example, encoded once. */
export interface EncodedExample {
  readonly id: string
  readonly encoding: Tokenizer.Encoded
  /** Class per classification task; a task without a label is absent. */
  readonly classes: Readonly<Record<string, number>>
  /** Class per word for token tasks; a task without tags is absent. */
  readonly tags: Readonly<Record<string, ReadonlyArray<number>>>
}

/** A dataset, encoded, with the tasks that read it. */
export interface Corpus {
  readonly tasks: ReadonlyArray<string>
  readonly examples: ReadonlyArray<EncodedExample>
}

export type Heads = Readonly<Record<string, Checkpoint.Head>>

/** How texts become ids. */
export interface Encoding {
  readonly tokenizer: Tokenizer.Tokenizer
  readonly limit: Tokenizer.Limit
}

export const isLabelled = ({ classes, tags }: EncodedExample, task: string): boolean =>
  Object.hasOwn(classes, task) || Object.hasOwn(tags, task)

/**
 * Encodes every dataset once. Tasks that were given one and the same dataset are joint.
 *
 * Fails on a task without a head or whose dataset has no labels for it, and on a label that its head does not know.
 *
 * @param where names the step and the part, for messages
 */
export const encode = Effect.fnUntraced(function* (
  datasets: Readonly<Record<string, Dataset.Dataset>>,
  heads: Heads,
  encoding: Encoding,
  where: string,
): Effect.fn.Return<ReadonlyArray<Corpus>, InvalidData> {
  for (const task of Object.keys(datasets)) yield* requireHead(task, heads, where)
  const corpora: Array<Corpus> = []
  for (const dataset of new Set(Object.values(datasets))) {
    const tasks = Object.keys(datasets).filter((task) => datasets[task] === dataset)
    for (const task of tasks) yield* Dataset.requireTask(dataset, task, `${where}, task ${task}`)
    const classes = new Map(tasks.map((task) => [task, new Map(heads[task]!.labels.map((label, at) => [label, at]))]))
    const examples: Array<EncodedExample> = []
    for (const row of Dataset.rowsOf(dataset)) examples.push(yield* encodeRow(row, classes, encoding, where))
    corpora.push({ tasks, examples })
  }
  return corpora
})

const requireHead = (task: string, heads: Heads, where: string): Effect.Effect<void, InvalidData> =>
  Object.hasOwn(heads, task)
    ? Effect.void
    : Effect.fail(
        new InvalidData({
          where,
          expected: `a task that has a head: ${Problem.list(Object.keys(heads))}`,
          got: JSON.stringify(task),
          advice: Problem.suggestion(task, Object.keys(heads)),
        }),
      )

/** The class of a label. Fails on a label that training never had. */
export const classOf = (
  label: string,
  known: ReadonlyMap<string, number>,
  where: string,
): Effect.Effect<number, InvalidData> => {
  const index = known.get(label)
  if (index !== undefined) return Effect.succeed(index)
  return Effect.fail(
    new InvalidData({
      where,
      expected: `a label that occurs in training: ${Problem.list(known.keys())}`,
      got: JSON.stringify(label),
      advice: "Give the training part an example of it, or leave such examples out.",
    }),
  )
}

const encodeRow = Effect.fnUntraced(function* (
  row: Dataset.Example,
  known: ReadonlyMap<string, ReadonlyMap<string, number>>,
  { tokenizer, limit }: Encoding,
  where: string,
) {
  const inTask = (label: string, task: string) =>
    classOf(label, known.get(task)!, `${where}, task ${task}, example ${row.id}`)
  const classes: Record<string, number> = {}
  const tags: Record<string, ReadonlyArray<number>> = {}
  for (const task of known.keys()) {
    const label = Object.hasOwn(row.labels, task) ? row.labels[task] : undefined
    if (label !== undefined) classes[task] = yield* inTask(label, task)
    const words = Object.hasOwn(row.tags, task) ? row.tags[task] : undefined
    if (words !== undefined) tags[task] = yield* Effect.forEach(words, (tag) => inTask(tag, task))
  }
  const encoding =
    row.tokens === undefined
      ? Tokenizer.encode(tokenizer, row.text ?? "", limit)
      : Tokenizer.encodeWords(tokenizer, row.tokens, limit)
  return { id: row.id, encoding, classes, tags } satisfies EncodedExample
})

/** What a graph is fed. */
export interface Batch {
  readonly feeds: Readonly<Record<string, Tensor.Tensor>>
  /** Tasks with at least one label in it, sorted. */
  readonly tasks: ReadonlyArray<string>
}

/** Pads examples to the longest of them and gathers the labels of the tasks. */
export const make = (examples: ReadonlyArray<EncodedExample>, heads: Heads, padId: number): Batch => {
  const size = examples.length
  const tokens = Math.max(...examples.map(({ encoding }) => encoding.ids.length))
  const fill = (padding: number, of: (example: EncodedExample) => ArrayLike<number>): Tensor.Tensor => {
    const data = new Int32Array(size * tokens).fill(padding)
    examples.forEach((example, row) => data.set(of(example), row * tokens))
    return Tensor.int32([size, tokens], data)
  }
  const feeds: Record<string, Tensor.Tensor> = {
    input_ids: fill(padId, ({ encoding }) => encoding.ids),
    attention_mask: fill(0, ({ encoding }) => new Int32Array(encoding.ids.length).fill(1)),
    token_type_ids: fill(0, ({ encoding }) => encoding.typeIds),
  }
  const tasks = Object.keys(heads)
    .filter((task) => examples.some((example) => isLabelled(example, task)))
    .sort()
  for (const task of tasks) {
    feeds[`labels.${task}`] =
      heads[task]!.kind === "classification"
        ? Tensor.int32(
            [size],
            examples.map(({ classes }) => classes[task] ?? ignored),
          )
        : fill(ignored, ({ encoding, tags }) => perToken(encoding.words, tags[task]))
  }
  return { feeds, tasks }
}

/** The first piece of a word carries its class; further pieces and special tokens carry none. */
const perToken = (words: Int32Array, tags: ReadonlyArray<number> | undefined): Int32Array =>
  words.map((word, at) => (tags === undefined || word < 0 || words[at - 1] === word ? ignored : tags[word]!))
