/** The examples that each task's batches are drawn from: those that carry its label. */
import { InvalidData } from "@thaw/core/Errors"
import { Effect } from "effect"
import * as Batch from "../Batch.ts"
import * as Sample from "../Sample.ts"

export interface Pool extends Sample.Pool {
  readonly examples: ReadonlyArray<Batch.EncodedExample>
}

/**
 * A pool per task, sorted by task: the order is part of the draws and must not depend on how the author wrote it.
 *
 * Fails when no example carries a task's label.
 *
 * @param rates of tasks that are rehearsed
 * @param where names the step, for messages
 */
export const of = Effect.fnUntraced(function* (
  corpora: ReadonlyArray<Batch.Corpus>,
  rates: Readonly<Record<string, number>>,
  where: string,
): Effect.fn.Return<ReadonlyArray<Pool>, InvalidData> {
  const pools = corpora.flatMap(({ tasks, examples }) =>
    tasks.map((task) => {
      const labelled = examples.filter((example) => Batch.isLabelled(example, task))
      return { task, size: labelled.length, rate: rates[task] ?? 1, examples: labelled }
    }),
  )
  for (const { task, size } of pools) {
    if (size === 0) {
      return yield* new InvalidData({
        where: `${where}, task ${task}`,
        expected: "training examples that carry its label",
        got: "none",
        advice: "",
      })
    }
  }
  return pools.sort((a, b) => (a.task < b.task ? -1 : 1))
})

/** Every corpus with how many of its examples so many updates of `batch` examples draw, repeats counted. */
export const drawnFrom = (
  corpora: ReadonlyArray<Batch.Corpus>,
  pools: ReadonlyArray<Pool>,
  mix: Sample.Mix,
  { updates, batch }: { readonly updates: number; readonly batch: number },
) => {
  const shares = Sample.shares(
    mix,
    pools.map(({ size }) => size),
    pools.map(({ rate }) => rate),
  )
  return corpora.map(({ tasks, examples }) => {
    const share = pools.reduce((sum, { task }, at) => sum + (tasks.includes(task) ? shares[at]! : 0), 0)
    const drawable = examples.filter((example) => tasks.some((task) => Batch.isLabelled(example, task)))
    return { examples: drawable, draws: Math.round(share * updates * batch) }
  })
}
