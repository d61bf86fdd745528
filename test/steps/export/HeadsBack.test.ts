/** A folder of a task, once exported, is an encoder with its head again, and gives the same logits to the last bit. */
import path from "node:path"
import type * as Checkpoint from "@thaw/models/Checkpoint"
import * as Encoder from "@thaw/models/Encoder"
import * as EncoderDigest from "@thaw/models/EncoderDigest"
import * as Head from "@thaw/models/Head"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { answers } from "./answers.ts"
import * as Checkpoints from "./checkpoints.ts"

const load = (folder: string, task: string) =>
  Effect.runPromise(
    Encoder.fromFolder.run({
      path: { path: folder, written: `./tasks/${task}` },
      task,
    }) as Effect.Effect<Checkpoint.Checkpoint>,
  )

describe.each(Checkpoints.families)("tasks/<task> of an exported %s", (family) => {
  const heads = {
    ...Checkpoints.heads,
    several: { ...Head.multiLabel({ threshold: 0.4 }), labels: ["cat", "dog"] },
    number: { ...Head.regression(), labels: [] },
    // The head of ModernBERT alone can read the mean in transformers' own class.
    ...(family === "modernbert"
      ? { mean: { ...Head.classification({ pooling: "mean" }), labels: ["10", "cat", "9"] } }
      : {}),
  }
  const checkpoint = Checkpoints.make(family, { heads })
  const folder = Effect.runPromise(Checkpoints.exported(checkpoint)).then(Checkpoints.written)
  const expected = answers(checkpoint)

  it.each(Object.keys(heads))("is the encoder with its head again: %s", async (task) => {
    const again = await load(path.join(await folder, "tasks", task), task)
    expect(again.heads).toEqual({ [task]: checkpoint.heads[task] })
    expect(await answers(again)).toEqual({ [`logits.${task}`]: (await expected)[`logits.${task}`] })
    expect(again.training.trainedOn).toEqual({ [task]: await Effect.runPromise(EncoderDigest.of(checkpoint)) })
  })
})
