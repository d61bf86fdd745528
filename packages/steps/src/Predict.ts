/** Answers for texts from an exported checkpoint folder: all tasks in one pass of the encoder. */
import { InvalidData } from "@thaw/core/Errors"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as InferenceModel from "@thaw/models/InferenceModel"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as Words from "@thaw/models/Words"
import { Sessions } from "@thaw/onnx/Session"
import { Effect } from "effect"
import type * as Batch from "./Batch.ts"
import * as Chunk from "./Chunk.ts"
import * as Inference from "./Inference.ts"

export interface Entity {
  readonly type: string
  readonly text: string
  /** Character offsets into the text: from inclusive, to exclusive. */
  readonly from: number
  readonly to: number
}

export type Answer =
  | {
      readonly _tag: "classification"
      readonly label: string
      readonly probabilities: Readonly<Record<string, number>>
    }
  | { readonly _tag: "tokenClassification"; readonly entities: ReadonlyArray<Entity> }

export interface Answered {
  readonly text: string
  readonly tasks: Readonly<Record<string, Answer>>
}

/**
 * Answers every task of the checkpoint in `folder` for every text, in order. Texts beyond the encoder's length are cut:
 * what was cut off has no entities.
 *
 * Fails when the folder holds no checkpoint, or one without heads.
 */
export const texts = Effect.fnUntraced(function* (options: {
  readonly folder: string
  readonly texts: ReadonlyArray<string>
}) {
  const checkpoint = yield* Checkpoint.fromFolder(options.folder)
  const tasks = InferenceModel.answering(checkpoint.heads)
  if (tasks.length === 0) {
    return yield* new InvalidData({
      where: options.folder,
      expected: "a checkpoint with heads",
      got: Object.keys(checkpoint.heads).length === 0 ? "one without" : "one whose heads only fill gaps",
      advice: "Train one with Train.multiTask.",
    })
  }
  if (options.texts.length === 0) return []
  const tokenizer = yield* Checkpoint.tokenizer(checkpoint)
  const limit = { maxTokens: Checkpoint.maxTokens(checkpoint, tokenizer) }
  const sentences = options.texts.map((text) => ({ text, words: Words.of(text) }))
  const examples = sentences.map(({ words }, at): Batch.EncodedExample => {
    const encoding = Tokenizer.encodeWords(
      tokenizer,
      words.map((word) => word.text),
      limit,
    )
    return { id: String(at), encoding, classes: {}, tags: {} }
  })
  const device = yield* (yield* Sessions).open
  yield* device.load((yield* Checkpoint.onDisk(checkpoint, options.folder)).weights)
  const answering = yield* Inference.open(device, checkpoint, tokenizer.padId)
  const scores = yield* Inference.logits(answering, examples, tasks)
  return sentences.map(({ text, words }, at): Answered => ({
    text,
    tasks: Object.fromEntries(
      tasks.map((task) => {
        const { kind, labels } = checkpoint.heads[task]!
        const given = scores[at]![task]!
        return [
          task,
          kind === "classification" ? classified(labels, given) : entities(text, words, labels, given, examples[at]!),
        ]
      }),
    ),
  }))
}, Effect.scoped)

const classified = (labels: ReadonlyArray<string>, scores: Float32Array): Answer => ({
  _tag: "classification",
  label: labels[Inference.best(scores)]!,
  probabilities: Object.fromEntries(Inference.probabilities(scores).map((share, at) => [labels[at]!, share])),
})

const entities = (
  text: string,
  words: ReadonlyArray<Words.Word>,
  labels: ReadonlyArray<string>,
  scores: Float32Array,
  { encoding }: Batch.EncodedExample,
): Answer => {
  const outside = Math.max(0, labels.indexOf("O"))
  const tags = Inference.perWord(scores, labels.length, encoding, words.length, outside).map(
    ({ label }) => labels[label]!,
  )
  return {
    _tag: "tokenClassification",
    entities: Chunk.read(tags).map(({ type, start, end }) => {
      const { from } = words[start]!
      const { to } = words[end - 1]!
      return { type, text: text.slice(from, to), from, to }
    }),
  }
}
