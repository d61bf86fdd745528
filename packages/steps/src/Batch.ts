/**
 * From examples to the int32 tensors that a training or inference graph takes.
 *
 * Tasks that read the same dataset share its examples: one encoding serves all their losses, and a label an example
 * does not have is a number that no loss reads.
 *
 * ```
 * input_ids, attention_mask, token_type_ids   int32 [batch, tokens]
 * labels.<task>                               int32 [batch]            classification
 *                                             int32 [batch, tokens]    token classification: first piece of a word
 *                                             int32 [batch, classes]   several labels: 1 for those that apply, else 0
 *                                             float32 [batch]          regression, in the measure of the head
 *                                             int32 [masked]           hidden tokens, with their places.<task> among
 *                                                                      the tokens of the batch, padding included
 *                                             int32 or float32 [pairs] sentence embeddings, with anchors.<task>,
 *                                                                      others.<task>, …: rows of the texts of each pair
 * ```
 *
 * Where texts are read each for itself, as sentence embeddings are, every text of an example is a row of the batch. Such
 * tasks have a corpus of their own beside that of other tasks with the same dataset.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Head from "@thaw/models/Head"
import * as Tokenizer from "@thaw/models/Tokenizer"
import type * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import * as EncodedCorpus from "./EncodedCorpus.ts"
import * as Labels from "./heads/Labels.ts"
import * as Masking from "./Masking.ts"
import * as PairCorpus from "./PairCorpus.ts"

/** One example, encoded once. */
export interface EncodedExample {
  readonly id: string
  /** Its `words` are −1 throughout where no task of its corpus has tags. */
  readonly encoding: Tokenizer.Encoded
  /** Class per classification task; a task without a label is absent. */
  readonly classes: Readonly<Record<string, number>>
  /** Class per word for token tasks; a task without tags is absent. */
  readonly tags: Readonly<Record<string, ReadonlyArray<number>>>
  /** Classes that apply, for tasks with several labels an example; a task without a label set is absent. */
  readonly classSets?: Readonly<Record<string, ReadonlyArray<number>>>
  /** Number per task that has numbers; a task without one is absent. */
  readonly scores?: Readonly<Record<string, number>>
  /** Further texts, each a row of the batch after this one; examples of one text have none. They say nothing themselves. */
  readonly beside?: ReadonlyArray<EncodedExample>
  /** What is hidden, by the task that asks for it; examples as they are have none. */
  readonly masked?: Readonly<Record<string, Masking.Masked>>
}

/** A dataset, encoded and held in columns, with the tasks that read it. */
export interface Corpus {
  readonly tasks: ReadonlyArray<string>
  readonly examples: ReadonlyArray<EncodedExample>
  /** By task that asks for hidden tokens: how they are hidden. */
  readonly masks: Readonly<Record<string, Masking.Mask>>
}

export type Heads = Readonly<Record<string, Checkpoint.Head>>

/** How texts become ids. */
export interface Encoding {
  readonly tokenizer: Tokenizer.Tokenizer
  readonly limit: Tokenizer.Limit
}

export const isLabelled = (example: EncodedExample, task: string): boolean =>
  example instanceof EncodedCorpus.Held
    ? example.isLabelled(task)
    : [example.classes, example.tags, example.classSets, example.scores, example.masked].some(
        (labels) => labels !== undefined && Object.hasOwn(labels, task),
      )

/** Whether a task may be drawn from the example: one that hides tokens takes any with a token to hide. */
export const isDrawable = ({ masks }: Pick<Corpus, "masks">, example: EncodedExample, task: string): boolean =>
  Object.hasOwn(masks, task) ? example.encoding.words.some((word) => word >= 0) : isLabelled(example, task)

/** Tokens of an example, of its first text where it has several. */
export const lengthOf = (example: EncodedExample): number =>
  example instanceof EncodedCorpus.Held ? example.tokens : example.encoding.ids.length

/** The rows that an example takes of a batch, one for each text. */
export const rowsOf = (example: EncodedExample): ReadonlyArray<EncodedExample> =>
  example.beside === undefined || example.beside.length === 0 ? [example] : [example, ...example.beside]

/** Tokens of its longest text. */
export const longestOf = (example: EncodedExample): number =>
  (example.beside ?? []).reduce((longest, each) => Math.max(longest, lengthOf(each)), lengthOf(example))

/** Tokens that an example takes of a batch in which it is the longest, padding of its own texts included. */
export const tokensOf = (example: EncodedExample): number => rowsOf(example).length * longestOf(example)

/** Places of the examples, those with few tokens first, equals in their order. */
export const byLength = (examples: ReadonlyArray<EncodedExample>): ReadonlyArray<number> => {
  const lengths = Int32Array.from(examples, lengthOf)
  return examples.map((_, at) => at).sort((a, b) => lengths[a]! - lengths[b]! || a - b)
}

/**
 * Encodes every dataset once, and once more where some of its tasks read texts each for itself. Tasks that were given one
 * and the same dataset, and read it alike, are joint.
 *
 * Fails on a task without a head or whose dataset has nothing to say about it or something that its head does not
 * answer, and on a label that its head does not know.
 *
 * @param where names the step and the part, for messages
 */
export const encode = Effect.fnUntraced(function* (
  datasets: Readonly<Record<string, Dataset.Dataset>>,
  heads: Heads,
  encoding: Encoding,
  where: string,
): Effect.fn.Return<ReadonlyArray<Corpus>, InvalidData | PipelineInvalid> {
  for (const task of Object.keys(datasets)) yield* requireHead(task, heads, where)
  const corpora: Array<Corpus> = []
  for (const dataset of new Set(Object.values(datasets))) {
    const all = Object.keys(datasets).filter((task) => datasets[task] === dataset)
    const apart = all.filter((task) => heads[task]!.kind === "sentenceEmbedding")
    if (apart.length > 0) corpora.push(yield* PairCorpus.encode(dataset, apart, heads, encoding, where))
    const tasks = all.filter((task) => !apart.includes(task))
    if (tasks.length === 0) continue
    const masks: Record<string, Masking.Mask> = {}
    for (const task of tasks) {
      const head = heads[task]!
      if (head.kind === "maskedTokens") masks[task] = yield* Masking.make(task, head, encoding.tokenizer, where)
      else yield* requireAnswerable(dataset, task, head, `${where}, task ${task}`)
    }
    const classes = new Map(tasks.map((task) => [task, new Map(heads[task]!.labels.map((label, at) => [label, at]))]))
    const { add, examples } = EncodedCorpus.collector({
      vocabularySize: encoding.tokenizer.vocabularySize,
      roles: Object.fromEntries(tasks.map((task) => [task, Dataset.roleOf(dataset, task)])),
      words: Object.keys(masks).length > 0,
    })
    let encoded = 0
    for (const row of Dataset.rowsOf(dataset)) {
      const labels = labelsOf(row, classes)
      if (labels._tag === "Unknown") {
        const { task, label } = labels
        return yield* unknownLabel(label, classes.get(task)!, `${where}, task ${task}, example ${row.id}`)
      }
      add(row.id, Tokenizer.encodeExample(encoding.tokenizer, row, encoding.limit), labels)
      // Others get their turn while millions are encoded.
      if (++encoded % 4096 === 0) yield* Effect.yieldNow
    }
    corpora.push({ tasks, examples, masks })
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

/** Fails unless what the dataset says about the task is what the head is trained on and asked for. */
export const requireAnswerable = Effect.fnUntraced(function* (
  dataset: Dataset.Dataset,
  task: string,
  { kind }: Head.Head,
  where: string,
): Effect.fn.Return<void, InvalidData | PipelineInvalid> {
  yield* Dataset.requireTask(dataset, task, where)
  const wanted = Head.traits[kind].role
  const role = Dataset.roleOf(dataset, task) as NonNullable<typeof wanted>
  if (wanted === undefined || role === wanted) return
  return yield* new PipelineInvalid({
    where,
    expected: headFor[role],
    got: `a head of kind ${kind}`,
    advice: loadedAs[wanted],
  })
})

type Role = NonNullable<Head.Traits["role"]>

const headFor: { readonly [R in Role]: string } = {
  label: "Head.classification() for labels",
  tags: "Head.tokenClassification() for tags",
  labels: "Head.multiLabel() for label sets",
  score: "Head.regression() for scores",
}

/** Where the author meant the head and not the column. */
const loadedAs: { readonly [R in Role]: string } = {
  label: "",
  tags: "",
  labels: "Or name the column among the labelSets where it is loaded.",
  score: "Or name the column among the scores where it is loaded.",
}

/** The class of a label. Fails on a label that training never had. */
export const classOf = (
  label: string,
  known: ReadonlyMap<string, number>,
  where: string,
): Effect.Effect<number, InvalidData> => {
  const index = known.get(label)
  return index === undefined ? Effect.fail(unknownLabel(label, known, where)) : Effect.succeed(index)
}

const unknownLabel = (label: string, known: ReadonlyMap<string, number>, where: string): InvalidData =>
  new InvalidData({
    where,
    expected: `a label that occurs in training: ${Problem.list(known.keys())}`,
    got: JSON.stringify(label),
    advice: "Give the training part an example of it, or leave such examples out.",
  })

interface Known extends EncodedCorpus.Labels {
  readonly _tag: "Known"
}
interface Unknown {
  readonly _tag: "Unknown"
  readonly task: string
  readonly label: string
}

/** Classes by task, or the first label that a head does not know. */
const labelsOf = (row: Dataset.Example, known: ReadonlyMap<string, ReadonlyMap<string, number>>): Known | Unknown => {
  const classes = new Map<string, number>()
  const tags = new Map<string, ReadonlyArray<number>>()
  const classSets = new Map<string, ReadonlyArray<number>>()
  const scores = new Map<string, number>()
  for (const [task, places] of known) {
    const score = own(row.scores, task)
    if (score !== undefined) scores.set(task, score)
    const label = own(row.labels, task)
    const several = own(row.tags, task) ?? own(row.labelSets, task)
    const unknown = (label === undefined ? several : [label])?.find((each) => !places.has(each))
    if (unknown !== undefined) return { _tag: "Unknown", task, label: unknown }
    if (label !== undefined) classes.set(task, places.get(label)!)
    const found = several?.map((each) => places.get(each)!)
    if (found === undefined) continue
    if (own(row.tags, task) !== undefined) tags.set(task, found)
    else
      classSets.set(
        task,
        [...new Set(found)].sort((a, b) => a - b),
      )
  }
  return { _tag: "Known", classes, tags, classSets, scores }
}

/** A task may be called like something every object inherits. */
const own = <A>(record: Readonly<Record<string, A>> | undefined, task: string): A | undefined =>
  record !== undefined && Object.hasOwn(record, task) ? record[task] : undefined

/** What a graph is fed. */
export interface Batch {
  readonly feeds: Readonly<Record<string, Tensor.Tensor>>
  /** Tasks with at least one label in it, sorted. */
  readonly tasks: ReadonlyArray<string>
}

/**
 * Pads examples to the longest of them and gathers the labels of the tasks.
 *
 * @param examples rows of the batch: an example with several texts is followed by them, see `rowsOf`
 */
export const make = (examples: ReadonlyArray<EncodedExample>, heads: Heads, padId: number): Batch => {
  const tokens = Math.max(...examples.map(({ encoding }) => encoding.ids.length))
  const fill = (padding: number, of: (example: EncodedExample) => ArrayLike<number>) =>
    Labels.grid(examples, tokens, padding, of)
  const feeds: Record<string, Tensor.Tensor> = {
    input_ids: fill(padId, ({ encoding }) => encoding.ids),
    attention_mask: fill(0, ({ encoding }) => new Int32Array(encoding.ids.length).fill(1)),
    token_type_ids: fill(0, ({ encoding }) => encoding.typeIds),
  }
  const tasks = Object.keys(heads)
    .filter((task) => examples.some((example) => isLabelled(example, task)))
    .sort()
  for (const task of tasks) Object.assign(feeds, Labels.of(heads[task]!, task, examples, tokens))
  return { feeds, tasks }
}
