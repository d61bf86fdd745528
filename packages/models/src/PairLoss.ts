/**
 * What a head for sentence embeddings learns from pairs of texts: a part that `Head.sentenceEmbedding` is given. Which one
 * follows from what is known of the pairs:
 *
 * | loss                      | needs, beside `text` and `pair`             | makes                                        |
 * | ------------------------- | ------------------------------------------- | -------------------------------------------- |
 * | cosineSimilarity          | a score, best from 0 to 1                   | the cosine equal to the score                |
 * | multipleNegativesRanking  | nothing; `negative` is used where there is  | a text's pair the nearest of the batch       |
 * | contrastive               | a label that says whether the two are alike | alike ones near, others a margin apart       |
 * | onlineContrastive         | the same                                    | the same, of the batch's hard pairs alone    |
 * | triplet                   | `negative`                                  | `pair` nearer than `negative`, by a margin   |
 */
import type * as Tensor from "@thaw/onnx/Tensor"
import type { Value } from "@thaw/onnx/Value"
import { Schema } from "effect"
import * as Contrastive from "./pairs/Contrastive.ts"
import * as CosineSimilarity from "./pairs/CosineSimilarity.ts"
import * as MultipleNegativesRanking from "./pairs/MultipleNegativesRanking.ts"
import * as OnlineContrastive from "./pairs/OnlineContrastive.ts"
import type * as Pairs from "./pairs/Pairs.ts"
import * as Triplet from "./pairs/Triplet.ts"

/** As authors write it and pipelines keep it. */
export const PairLoss = Schema.Union([
  CosineSimilarity.CosineSimilarity,
  MultipleNegativesRanking.MultipleNegativesRanking,
  Contrastive.Contrastive,
  OnlineContrastive.OnlineContrastive,
  Triplet.Triplet,
])
export type PairLoss = typeof PairLoss.Type

type Options<T extends PairLoss["_tag"]> = Partial<Omit<Extract<PairLoss, { readonly _tag: T }>, "_tag">>

/** The squared difference of cosine and score; see `pairs/CosineSimilarity`. */
export const cosineSimilarity = (): PairLoss => ({ _tag: "cosineSimilarity" })

/**
 * Every text has to find its pair among those of the batch; see `pairs/MultipleNegativesRanking`. The larger the batch, the
 * harder. `scale` 20 unless given; `asks: "both"` has every pair find its text, too.
 *
 * What is as right as a text's own pair is not held against it: pairs of equal texts, and a text that is its own pair.
 */
export const multipleNegativesRanking = (options: Options<"multipleNegativesRanking"> = {}): PairLoss => ({
  _tag: "multipleNegativesRanking",
  scale: 20,
  asks: "anchor",
  ...options,
})

/**
 * Pairs with the label `alike` are drawn together, all others pushed apart up to the margin; see `pairs/Contrastive`.
 * `margin` 0.5 and `alike` "1" unless given.
 */
export const contrastive = (options: Options<"contrastive"> = {}): PairLoss => ({
  _tag: "contrastive",
  margin: 0.5,
  alike: "1",
  ...options,
})

/** The same of the batch's hard pairs alone; see `pairs/OnlineContrastive`. `margin` 0.5 and `alike` "1" unless given. */
export const onlineContrastive = (options: Options<"onlineContrastive"> = {}): PairLoss => ({
  _tag: "onlineContrastive",
  margin: 0.5,
  alike: "1",
  ...options,
})

/** A text's pair is to be nearer than its negative; see `pairs/Triplet`. `distance` "euclidean" and `margin` 5 unless given. */
export const triplet = (options: Options<"triplet"> = {}): PairLoss => ({
  _tag: "triplet",
  margin: 5,
  distance: "euclidean",
  ...options,
})

/** What tells losses apart for whoever feeds them. */
export interface Traits {
  /** Role of the column that says how near the two texts are; undefined: that they stand together says it. */
  readonly role: "score" | "label" | undefined
  /** Whether a third text beside the two is taken: always, where there is one, or not at all. */
  readonly negative: "needed" | "used" | "ignored"
}

export const traits = {
  cosineSimilarity: { role: "score", negative: "ignored" },
  multipleNegativesRanking: { role: undefined, negative: "used" },
  contrastive: { role: "label", negative: "ignored" },
  onlineContrastive: { role: "label", negative: "ignored" },
  triplet: { role: undefined, negative: "needed" },
} as const satisfies { readonly [T in PairLoss["_tag"]]: Traits }

/** Texts of an example that the loss takes at most. */
export const textsOf = ({ _tag }: PairLoss): number => (traits[_tag].negative === "ignored" ? 2 : 3)

/**
 * The loss, a scalar.
 *
 * @param vectors of all texts of the batch, [batch, hidden]
 */
export const loss = (given: PairLoss, vectors: Pairs.Vectors, asked: Pairs.Asked): Value => {
  switch (given._tag) {
    case "cosineSimilarity":
      return CosineSimilarity.loss(given, vectors, asked)
    case "multipleNegativesRanking":
      return MultipleNegativesRanking.loss(given, vectors, asked)
    case "contrastive":
      return Contrastive.loss(given, vectors, asked)
    case "onlineContrastive":
      return OnlineContrastive.loss(given, vectors, asked)
    case "triplet":
      return Triplet.loss(given, vectors, asked)
  }
}

/** What a loss is divided by where these pairs are a batch of their own: how many there are. */
export const counted = (labels: Tensor.Tensor): number => labels.data.length
