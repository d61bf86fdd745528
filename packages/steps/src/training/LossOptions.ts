/**
 * What an author may ask of a task's loss, by the kind of its head: label smoothing and weights of classes. What has no
 * meaning for a kind is refused.
 *
 * For several labels an example every label is a choice between two classes, having it and lacking it. Only the ratio of
 * their weights counts: it is the weight of the label's positive cells (`pos_weight` of torch's `BCEWithLogitsLoss`), by
 * inverse frequency the number of examples that lack the label for each that has it.
 */
import { PipelineInvalid } from "@thaw/core/Errors"
import type * as Head from "@thaw/models/Head"
import type * as Batch from "../Batch.ts"
import * as ClassWeights from "../sample/ClassWeights.ts"
import type * as Pools from "./Pools.ts"
import type { Settings } from "./Settings.ts"

interface Allowed {
  readonly labelSmoothing: boolean
  readonly classWeights: boolean
}

const allowed = {
  classification: { labelSmoothing: true, classWeights: true },
  tokenClassification: { labelSmoothing: true, classWeights: true },
  multiLabel: { labelSmoothing: false, classWeights: true },
  regression: { labelSmoothing: false, classWeights: false },
  maskedTokens: { labelSmoothing: true, classWeights: false },
  sentenceEmbedding: { labelSmoothing: false, classWeights: false },
} as const satisfies { readonly [K in Head.Kind]: Allowed }

/** In words. */
const names = {
  classification: "one label an example",
  tokenClassification: "tags",
  multiLabel: "several labels an example",
  regression: "numbers",
  maskedTokens: "hidden tokens",
  sentenceEmbedding: "sentence embeddings",
} as const satisfies { readonly [K in Head.Kind]: string }

export type Kinds = Readonly<Record<string, Pick<Head.Head, "kind">>>

export const isSmoothed = ({ kind }: Pick<Head.Head, "kind">): boolean => allowed[kind].labelSmoothing

/**
 * Throws `PipelineInvalid` on what has no meaning for a task.
 *
 * @param heads of tasks that are drawn, by task; of others nothing is said
 * @param where names the phase, for messages
 */
export const check = (
  { labelSmoothing, classWeights = {} }: Pick<Settings, "labelSmoothing" | "classWeights">,
  heads: Kinds,
  where: string,
): void => {
  const asked = { labelSmoothing: Object.keys(labelSmoothing), classWeights: Object.keys(classWeights) }
  for (const option of ["labelSmoothing", "classWeights"] as const) {
    const task = asked[option].find((each) => Object.hasOwn(heads, each) && !allowed[heads[each]!.kind][option])
    if (task === undefined) continue
    const able = (Object.keys(allowed) as ReadonlyArray<Head.Kind>).filter((kind) => allowed[kind][option])
    throw new PipelineInvalid({
      where: `${where}, ${option}`,
      expected: `tasks of ${able.map((kind) => names[kind]).join(", ")}`,
      got: `${JSON.stringify(task)}, a task of ${names[heads[task]!.kind]}`,
      advice: "Leave it out.",
    })
  }
}

/** Weights of the classes of each task that has some, in the order of its labels. */
export const classWeightsOf = (
  told: Readonly<Record<string, ClassWeights.ClassWeights>> = {},
  heads: Batch.Heads,
  pools: ReadonlyArray<Pools.Pool>,
): Readonly<Record<string, ReadonlyArray<number>>> =>
  Object.fromEntries(
    pools.flatMap(({ task, examples }) => {
      if (!Object.hasOwn(told, task)) return []
      const head = heads[task]!
      const counts = ClassWeights.counts(examples.flatMap(classesOf(task)), head.labels.length)
      if (head.kind !== "multiLabel") return [[task, ClassWeights.values(told[task]!, counts)]]
      return [[task, counts.map((count) => positiveWeight(told[task]!, count, examples.length - count))]]
    }),
  )

const classesOf =
  (task: string) =>
  ({ classes, tags, classSets = {} }: Batch.EncodedExample): ReadonlyArray<number> => {
    const several = [tags, classSets].find((each) => Object.hasOwn(each, task))
    return several === undefined ? [classes[task]!] : several[task]!
  }

/** 1 where all have the label or none: there is nothing to weigh against. */
const positiveWeight = (by: ClassWeights.ClassWeights, have: number, lack: number): number => {
  if (have === 0 || lack === 0) return 1
  const [having, lacking] = ClassWeights.values(by, [have, lack])
  return having! / lacking!
}
