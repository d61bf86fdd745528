/**
 * How `encoder/` makes one vector of a text's, and how two of them are compared: as the checkpoint's sentence embeddings
 * were learnt, where it has some.
 */
import type * as Checkpoint from "@thaw/models/Checkpoint"
import { TrainingInvalid } from "@thaw/models/Errors"
import type { SentenceEmbedding } from "@thaw/models/heads/SentenceEmbedding"
import { Effect } from "effect"
import type { Pooling } from "./SentenceTransformers.ts"

/** As sentence-transformers names them. */
export type Similarity = "cosine" | "euclidean"

export interface Embedding {
  readonly pooling: Pooling
  /** Undefined where nothing says it. */
  readonly similarity: Similarity | undefined
}

type Heads = Readonly<Record<string, Checkpoint.Head>>

/** Heads of sentence embeddings, by task, sorted. */
const learntBy = (heads: Heads): ReadonlyArray<readonly [task: string, head: SentenceEmbedding]> =>
  Object.keys(heads)
    .sort()
    .flatMap((task) => {
      const head = heads[task]!
      return head.kind === "sentenceEmbedding" ? [[task, head] as const] : []
    })

/**
 * Fails where heads were learnt with different poolings and none is asked for, and where one is asked for with which none
 * was learnt.
 *
 * @param asked by the author
 */
export const of = (
  heads: Heads,
  asked: Pooling | undefined,
  where: string,
): Effect.Effect<Embedding, TrainingInvalid> => {
  const learnt = learntBy(heads)
  if (learnt.length === 0) return Effect.succeed({ pooling: asked ?? "mean", similarity: undefined })
  const told = learnt.map(([task, { pooling }]) => `${JSON.stringify(pooling)} for ${task}`).join(" and ")
  const poolings = new Set(learnt.map(([, { pooling }]) => pooling))
  const pooling = asked ?? (poolings.size === 1 ? learnt[0]![1].pooling : undefined)
  const invalid = (expected: string, got: string, advice: string) =>
    Effect.fail(new TrainingInvalid({ where: `${where}, pooling`, expected, got, advice }))
  if (pooling === undefined) {
    return invalid("one for the vectors of encoder/", `sentence embeddings with ${told}`, `Say which: pooling: "mean".`)
  }
  if (!poolings.has(pooling)) {
    return invalid(`that of the sentence embeddings: ${told}`, JSON.stringify(pooling), "Leave pooling out.")
  }
  const byLength = ({ loss }: SentenceEmbedding) => loss._tag === "triplet" && loss.distance === "euclidean"
  const own = learnt.flatMap(([, head]) => (head.pooling === pooling ? [head] : []))
  return Effect.succeed({ pooling, similarity: own.every(byLength) ? "euclidean" : "cosine" })
}
