/** Answers for texts from a folder that a pipeline saved: all tasks in one pass of the encoder. */
import { existsSync } from "node:fs"
import * as path from "node:path"
import * as Tokenizer from "@thaw/models/Tokenizer"
import * as Words from "@thaw/models/Words"
import type { SessionFailed } from "@thaw/onnx/Errors"
import { Effect } from "effect"
import type * as Batch from "./Batch.ts"
import * as Outcomes from "./heads/Outcomes.ts"
import * as Inference from "./Inference.ts"
import type { Answerer } from "./predict/Answerer.ts"
import * as FromCheckpoint from "./predict/FromCheckpoint.ts"
import * as FromExport from "./predict/FromExport.ts"

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
  | {
      readonly _tag: "multiLabel"
      /** Those that are likelier than the head's threshold, likeliest first. */
      readonly labels: ReadonlyArray<string>
      readonly probabilities: Readonly<Record<string, number>>
    }
  | { readonly _tag: "regression"; readonly score: number }

export interface Answered {
  readonly text: string
  readonly tasks: Readonly<Record<string, Answer>>
}

/** Answers every task for every text, in the order of the texts. */
export type Predictor = (texts: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Answered>, SessionFailed>

/**
 * What answers from `folder`, which is a checkpoint's or one that `Export.huggingFace` wrote: the whole of it answers every
 * task in one pass of the encoder, `tasks/<task>` one. It is loaded once and stays loaded while the scope is open.
 *
 * Texts beyond the encoder's length are cut: what was cut off has no entities. Answers of an exported folder differ from
 * its checkpoint's by rounding.
 *
 * Fails when the folder is neither, has no heads, or its files do not fit each other.
 */
export const open = Effect.fnUntraced(function* (folder: string) {
  return yield* opened(yield* answerer(folder))
})

/** The same for some texts at once. Nothing is loaded where there are none. */
export const texts = Effect.fnUntraced(function* (options: {
  readonly folder: string
  readonly texts: ReadonlyArray<string>
}) {
  const given = yield* answerer(options.folder)
  return options.texts.length === 0 ? [] : yield* (yield* opened(given))(options.texts)
}, Effect.scoped)

const answerer = Effect.fnUntraced(function* (folder: string) {
  const has = (name: string) => existsSync(path.join(folder, name))
  // Without a head that answers texts there is no such file; what is wrong then is said there.
  if (has("all-heads.onnx") || has("encoder")) return yield* FromExport.whole(folder)
  // A checkpoint has no ONNX file.
  return yield* has("onnx") ? FromExport.task(folder) : FromCheckpoint.read(folder)
})

const opened = ({ heads, encoding: { tokenizer, limit }, open }: Answerer) =>
  Effect.map(open, (answering): Predictor => {
    const tasks = Object.keys(heads)
    return Effect.fnUntraced(function* (given) {
      const sentences = given.map((text) => ({ text, words: Words.of(text) }))
      const examples = sentences.map(({ words }, at): Batch.EncodedExample => {
        const spelled = words.map((word) => word.text)
        return { id: String(at), encoding: Tokenizer.encodeWords(tokenizer, spelled, limit), classes: {}, tags: {} }
      })
      const scores = yield* Inference.logits(answering, examples, tasks)
      return sentences.map(({ text, words }, at): Answered => {
        const asked = { text, words, encoding: examples[at]!.encoding }
        const answer = (task: string): Answer => {
          const head = heads[task]!
          return Outcomes.of(head).answer(head, asked, scores[at]![task]!)
        }
        return { text, tasks: Object.fromEntries(tasks.map((task) => [task, answer(task)])) }
      })
    })
  })
