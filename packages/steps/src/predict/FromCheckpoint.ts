/** Answers from a checkpoint folder: the graph is made anew and takes the folder's weights. */
import { InvalidData } from "@thaw/core/Errors"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as InferenceModel from "@thaw/models/InferenceModel"
import { Sessions } from "@thaw/onnx/Session"
import { Effect } from "effect"
import * as Inference from "../Inference.ts"
import type { Answerer } from "./Answerer.ts"

/** Fails when the folder holds no checkpoint, or one without heads. */
export const read = Effect.fnUntraced(function* (folder: string) {
  const checkpoint = yield* Checkpoint.fromFolder(folder)
  const tasks = InferenceModel.answering(checkpoint.heads)
  if (tasks.length === 0) {
    const kinds = Object.values(checkpoint.heads).map(({ kind }) => kind)
    return yield* kinds.includes("sentenceEmbedding")
      ? new InvalidData({
          where: folder,
          expected: "a checkpoint with heads that answer texts",
          got: "one with sentence embeddings, which compare two",
          advice: "Export.huggingFace writes its encoder for sentence-transformers and transformers.js.",
        })
      : new InvalidData({
          where: folder,
          expected: "a checkpoint with heads",
          got: kinds.length === 0 ? "one without" : "one whose heads only fill gaps",
          advice: "Train one with Train.multiTask.",
        })
  }
  const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
  const heads = Object.fromEntries(tasks.map((task) => [task, checkpoint.heads[task]!]))
  return {
    heads,
    encoding: { tokenizer, limit: { maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer) } },
    open: Effect.gen(function* () {
      const device = yield* (yield* Sessions).open
      yield* device.load((yield* Checkpoint.onDisk(checkpoint, folder)).weights)
      return yield* Inference.open(device, { ...checkpoint, heads }, tokenizer.padId)
    }),
  } satisfies Answerer
})
