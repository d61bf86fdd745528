/**
 * Examples whose texts are read each for itself: a pair of texts, or a pair with a negative, for heads that learn vectors
 * of texts. The class of a pair is 1 where its texts belong together and 0 where they do not; its score is how near they
 * are to be. A loss that is told nothing takes every pair for one that belongs together.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import type { SentenceEmbedding } from "@thaw/models/heads/SentenceEmbedding"
import * as PairLoss from "@thaw/models/PairLoss"
import * as Tokenizer from "@thaw/models/Tokenizer"
import { Effect } from "effect"
import type * as Batch from "./Batch.ts"
import * as EncodedCorpus from "./EncodedCorpus.ts"

/** As a checkpoint has it. */
type Head = SentenceEmbedding & Pick<Checkpoint.Head, "labels">

const belongs = 1
const apart = 0

const headOf = (heads: Batch.Heads, task: string): Head => heads[task] as Head

/**
 * Encodes a dataset for these tasks, which are of sentence embeddings.
 *
 * Fails where `requireAnswerable` does, on a label that its head does not know, and on a score that no cosine can be.
 *
 * @param where names the step and the part, for messages
 */
export const encode = Effect.fnUntraced(function* (
  dataset: Dataset.Dataset,
  tasks: ReadonlyArray<string>,
  heads: Batch.Heads,
  { tokenizer, limit }: Batch.Encoding,
  where: string,
): Effect.fn.Return<Batch.Corpus, InvalidData | PipelineInvalid> {
  for (const task of tasks) yield* requireAnswerable(dataset, task, headOf(heads, task), `${where}, task ${task}`)
  const traits = (task: string) => PairLoss.traits[headOf(heads, task).loss._tag]
  const takesNegative = Dataset.has(dataset, "negative") && tasks.some((task) => traits(task).negative !== "ignored")
  const { add, examples } = EncodedCorpus.collector({
    vocabularySize: tokenizer.vocabularySize,
    roles: Object.fromEntries(tasks.map((task) => [task, traits(task).role ?? "label"])),
  })
  let encoded = 0
  for (const row of Dataset.rowsOf(dataset)) {
    const { text = "", pair = "", negative = "" } = row
    const [first, ...others] = [text, pair, ...(takesNegative ? [negative] : [])].map((each) =>
      Tokenizer.encode(tokenizer, each, limit),
    )
    const classes = new Map<string, number>()
    const scores = new Map<string, number>()
    for (const task of tasks) {
      const said = yield* saidOf(row, task, headOf(heads, task), `${where}, task ${task}, example ${row.id}`)
      if (said !== undefined) (said.role === "score" ? scores : classes).set(task, said.number)
    }
    add(row.id, first!, { ...EncodedCorpus.nothing, classes, scores }, others)
    // Others get their turn while millions are encoded.
    if (++encoded % 4096 === 0) yield* Effect.yieldNow
  }
  return { tasks, examples, masks: {} }
})

interface Said {
  readonly role: "score" | "label"
  readonly number: number
}

/** What a row says of the task; undefined where that is nothing. */
const saidOf = (
  row: Dataset.Example,
  task: string,
  { loss, labels }: Head,
  where: string,
): Effect.Effect<Said | undefined, InvalidData> => {
  const invalid = (expected: string, got: string, advice: string) =>
    Effect.fail(new InvalidData({ where, expected, got, advice }))
  switch (loss._tag) {
    case "multipleNegativesRanking":
    case "triplet":
      return Effect.succeed({ role: "label", number: belongs })
    case "cosineSimilarity": {
      const score = row.scores !== undefined && Object.hasOwn(row.scores, task) ? row.scores[task]! : undefined
      if (score === undefined) return Effect.undefined
      if (Math.abs(score) <= 1) return Effect.succeed({ role: "score", number: score })
      return invalid("a score from -1 to 1, as cosines are", String(score), "Scale the scores, e.g. 0 to 5 to 0 to 1.")
    }
    case "contrastive":
    case "onlineContrastive": {
      const label = Object.hasOwn(row.labels, task) ? row.labels[task]! : undefined
      if (label === undefined) return Effect.undefined
      if (labels.includes(label)) {
        return Effect.succeed({ role: "label", number: label === loss.alike ? belongs : apart })
      }
      const advice = "Give the training part an example of it, or leave such examples out."
      return invalid(`a label that occurs in training: ${Problem.list(labels)}`, JSON.stringify(label), advice)
    }
  }
}

/**
 * The labels of a task's head. Fails where `requireAnswerable` does, and where no pair is labelled as alike, or every one.
 */
export const labelsOf = Effect.fnUntraced(function* (
  dataset: Dataset.Dataset,
  task: string,
  head: SentenceEmbedding,
  where: string,
): Effect.fn.Return<ReadonlyArray<string>, InvalidData | PipelineInvalid> {
  yield* requireAnswerable(dataset, task, head, where)
  const { loss } = head
  if (loss._tag !== "contrastive" && loss._tag !== "onlineContrastive") return []
  const labels = Dataset.labelsOf(dataset, task)
  if (!labels.includes(loss.alike)) {
    return yield* new InvalidData({
      where,
      expected: `pairs with the label ${JSON.stringify(loss.alike)}, which says that two texts are alike`,
      got: `pairs with ${Problem.list(labels) || "none"}`,
      advice: `Name the label that does: PairLoss.${loss._tag}({ alike: "…" }).`,
    })
  }
  if (labels.length < 2) {
    return yield* new InvalidData({
      where,
      expected: "pairs that are not alike too",
      got: `only pairs with ${Problem.list(labels)}`,
      advice: "PairLoss.multipleNegativesRanking() learns from pairs that are all alike.",
    })
  }
  return labels
})

const roleNames = { score: "a number", label: "a label" } as const

/** Fails unless the dataset has the texts that the head's loss takes, and says what the loss is told. */
export const requireAnswerable = Effect.fnUntraced(function* (
  dataset: Dataset.Dataset,
  task: string,
  { loss }: SentenceEmbedding,
  where: string,
): Effect.fn.Return<void, InvalidData | PipelineInvalid> {
  const { role, negative } = PairLoss.traits[loss._tag]
  if (!Dataset.has(dataset, "pair")) {
    return yield* new PipelineInvalid({
      where,
      expected: "examples of two texts",
      got: "examples of one",
      advice: `Name the second where they are loaded: pair: "…".`,
    })
  }
  if (negative === "needed" && !Dataset.has(dataset, "negative")) {
    return yield* new PipelineInvalid({
      where,
      expected: `a third text for PairLoss.${loss._tag}, less near to the first than the second`,
      got: "examples of two texts",
      advice: `Name it where they are loaded: negative: "…". PairLoss.multipleNegativesRanking() needs none.`,
    })
  }
  if (role === undefined) return
  yield* Dataset.requireTask(dataset, task, where)
  const found = Dataset.roleOf(dataset, task)
  if (found === role) return
  return yield* new PipelineInvalid({
    where,
    expected: `${roleNames[role]} an example, for PairLoss.${loss._tag}`,
    got: found === "score" ? "a number" : found === "label" ? "a label" : "several labels",
    advice: `Name the column as ${role === "score" ? "a score" : "a label"} where it is loaded.`,
  })
})
