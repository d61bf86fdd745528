/** Answers for texts from a folder that a pipeline saved: all tasks in one pass of the encoder. */
import { existsSync } from "node:fs"
import * as path from "node:path"
import * as Head from "@thaw/models/Head"
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

/** A text, and the words that it is cut into. */
interface Sentence {
  readonly text: string
  readonly words: ReadonlyArray<Words.Word>
}

/** Whether all forms of the examples have the same tokens. */
const areSame = ([first, ...others]: ReadonlyArray<ReadonlyArray<Batch.EncodedExample>>): boolean =>
  others.every((other) => other.every(({ encoding }, at) => encoding.ids.join() === first![at]!.encoding.ids.join()))

/**
 * A task is asked with the tokens it learned from: tags with those of words, all else with those of the text as it is.
 * WordPiece makes the same of both, byte-level BPE and Unigram do not; then it takes a second pass.
 */
const opened = ({ heads, encoding: { tokenizer, limit }, open }: Answerer) =>
  Effect.map(open, (answering): Predictor => {
    const tasks = Object.keys(heads)
    const isOfWords = (task: string) => Head.traits[heads[task]!.kind].unit === "token"
    const spelled = ({ words }: Sentence) =>
      Tokenizer.encodeWords(
        tokenizer,
        words.map((word) => word.text),
        limit,
      )
    const whole = ({ text }: Sentence) => Tokenizer.encode(tokenizer, text, limit)
    const forms = [
      { encoded: spelled, asked: tasks.filter(isOfWords) },
      { encoded: whole, asked: tasks.filter((task) => !isOfWords(task)) },
    ].filter(({ asked }) => asked.length > 0)
    return Effect.fnUntraced(function* (given) {
      const sentences = given.map((text): Sentence => ({ text, words: Words.of(text) }))
      const apart = forms.map(({ encoded, asked }) => ({
        asked,
        examples: sentences.map((each, at): Batch.EncodedExample => ({
          id: String(at),
          encoding: encoded(each),
          classes: {},
          tags: {},
        })),
      }))
      const passes = areSame(apart.map(({ examples }) => examples)) ? [{ ...apart[0]!, asked: tasks }] : apart
      const scores = yield* Effect.forEach(passes, ({ examples, asked }) =>
        Inference.logits(answering, examples, asked),
      )
      return sentences.map(({ text, words }, at): Answered => {
        const answers = passes.flatMap(({ examples, asked }, pass) =>
          asked.map((task): readonly [string, Answer] => {
            const head = heads[task]!
            const { encoding } = examples[at]!
            return [task, Outcomes.of(head).answer(head, { text, words, encoding }, scores[pass]![at]![task]!)]
          }),
        )
        const byTask = new Map(answers)
        return { text, tasks: Object.fromEntries(tasks.map((task) => [task, byTask.get(task)!])) }
      })
    })
  })
