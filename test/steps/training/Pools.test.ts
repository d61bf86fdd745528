import * as Dataset from "@thaw/core/Dataset"
import * as Sample from "@thaw/steps/Sample"
import * as Sampling from "@thaw/steps/sample/Sampling"
import * as Pools from "@thaw/steps/training/Pools"
import { Effect } from "effect"
import { expect, it } from "vitest"

it("a curriculum by scores ranks the examples of the task by their own, in whatever order the dataset has them", async () => {
  const ids = ["a", "b", "c", "d"]
  const hard: Readonly<Record<string, number>> = { a: 0.5, b: -2, c: 0, d: 1e-9 }
  const rows = ids.toReversed().map((id) => ({ id, origin: id, text: id, labels: {}, tags: {}, scores: { hard: hard[id]!, other: 1 } })) // prettier-ignore
  const dataset = Dataset.fromRows(rows, { labels: [], tags: [], scores: ["other", "hard"] })
  const encoding = { ids: Int32Array.of(1), typeIds: Int32Array.of(0), words: Int32Array.of(-1) }
  // "c" has no label of the task: its score plays no part.
  const examples = ids.map((id) => ({ id, encoding, classes: id === "c" ? {} : { topic: 0 }, tags: {} }))
  const curriculum = { topic: Sample.curriculum({ by: Sample.score({ name: "hard" }) }) }
  const told = { ...Sampling.defaults, curriculum }
  const [pool] = await Effect.runPromise(
    Pools.of([{ tasks: ["topic"], examples, masks: {} }], {}, { topic: dataset }, told, "Train.phase 1"),
  )
  expect(pool!.examples.map(({ id }) => id)).toEqual(["a", "b", "d"])
  expect([...(pool!.difficulty as Float64Array)]).toEqual([0.5, -2, 1e-9])
})
