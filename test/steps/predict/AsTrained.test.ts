/** A text that is asked for has the tokens it would have had in training, whatever the family's tokenizer. */
import * as SessionProcess from "@thaw/runners/SessionProcess"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Predict from "@thaw/steps/Predict"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { answers, texts } from "../export/answers.ts"
import * as Checkpoints from "../export/checkpoints.ts"

const softmax = (scores: ReadonlyArray<number>) => {
  const all = scores.map(Math.exp)
  const sum = all.reduce((total, each) => total + each, 0)
  return all.map((each) => each / sum)
}

describe.each(Checkpoints.families)("answers of an exported %s", (family) => {
  const labels = Checkpoints.heads["topic"]!.labels
  // A head over all tokens stands beside the one over the text, and is asked with the tokens of words.
  const checkpoint = Checkpoints.make(family)

  it("are those of its own graph for the text as it is", async () => {
    const folder = await Checkpoints.written(await Effect.runPromise(Checkpoints.exported(checkpoint)))
    const answered = await Effect.runPromise(
      Predict.texts({ folder, texts }).pipe(Effect.provide(SessionProcess.layer({ threads: 1 }))),
    )
    const logits = (await answers(checkpoint))["logits.topic"]!
    for (const [row, { tasks }] of answered.entries()) {
      expect(Object.keys(tasks)).toEqual(["entities", "topic"])
      const { topic } = tasks
      if (topic?._tag !== "classification") throw new Error("a topic is one label")
      const expected = softmax(Tensor.numbers(logits).slice(row * labels.length, (row + 1) * labels.length))
      labels.forEach((label, at) => expect(topic.probabilities[label]).toBeCloseTo(expected[at]!, 4))
    }
  })
})
