/**
 * Answers to what edits ask of models. Edits go on side by side; when all that are left wait, their questions are answered
 * together.
 *
 * No answer depends on its company: an example's vectors do not (see `Encode`), and texts are translated one by one.
 */
import * as Step from "@thaw/core/Step"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import * as MaskedHead from "@thaw/models/MaskedHead"
import * as Parameter from "@thaw/models/Parameter"
import * as Seq2Seq from "@thaw/models/Seq2Seq"
import * as Tokenizer from "@thaw/models/Tokenizer"
import { Sessions } from "@thaw/onnx/Session"
import * as Tensor from "@thaw/onnx/Tensor"
import { Effect } from "effect"
import * as Batch from "../Batch.ts"
import type { Answer, Asking, Candidate, Question } from "./Edit.ts"

/** Answers in the order of the questions. */
export type Answering<E, R> = (questions: ReadonlyArray<Question>) => Effect.Effect<ReadonlyArray<Answer>, E, R>

/** The results of all, in order. */
export const settle = Effect.fnUntraced(function* <A, E, R>(
  started: ReadonlyArray<Asking<A>>,
  answering: Answering<E, R>,
): Effect.fn.Return<ReadonlyArray<A>, E, R> {
  const steps = started.map((asking) => asking.next())
  while (true) {
    const waiting = steps.flatMap((step, at) => (step.done === true ? [] : [{ at, question: step.value }]))
    if (waiting.length === 0) break
    const answers = yield* answering(waiting.map(({ question }) => question))
    waiting.forEach(({ at }, place) => (steps[at] = started[at]!.next(answers[place]!)))
  }
  return steps.map((step) => step.value as A)
})

/** For operations that ask nothing. */
export const none: Answering<never, never> = () => Effect.succeed([])

/** Models by the names that operations call them by. */
export interface Models {
  readonly maskedEncoders: Readonly<Record<string, MaskedEncoder.MaskedEncoder>>
  readonly translators: Readonly<Record<string, Seq2Seq.Seq2Seq>>
}

/** Models are loaded here and stay for as long as the scope is open. */
export const open = Effect.fnUntraced(function* ({ maskedEncoders, translators }: Models) {
  const masked = yield* each(maskedEncoders, openMasked)
  const translating = yield* each(translators, (model) =>
    Effect.flatMap(Sessions, (sessions) => Effect.flatMap(sessions.open, (device) => Seq2Seq.open(model, device))),
  )
  const remembered = new Map<string, Answer>()
  const translated = Effect.fnUntraced(function* (name: string, text: string) {
    const key = JSON.stringify([name, text])
    const known = remembered.get(key)
    if (known !== undefined) return known
    const answer: Answer = { _tag: "Text", text: yield* translating[name]!(text) }
    remembered.set(key, answer)
    return answer
  })
  return Effect.fnUntraced(function* (questions: ReadonlyArray<Question>) {
    const answers = Array.from<Answer>({ length: questions.length })
    for (const [name, fill] of Object.entries(masked)) {
      const asked = questions.flatMap((question, at) =>
        question._tag === "Mask" && question.encoder === name ? [{ at, question }] : [],
      )
      const words = yield* fill(asked.map(({ question }) => question))
      asked.forEach(({ at }, place) => (answers[at] = { _tag: "Words", words: words[place]! }))
    }
    for (const [at, question] of questions.entries()) {
      if (question._tag === "Translate") answers[at] = yield* translated(question.translator, question.text)
    }
    return answers
  })
})

const each = <A, B, E, R>(record: Readonly<Record<string, A>>, make: (value: A) => Effect.Effect<B, E, R>) =>
  Effect.map(
    Effect.forEach(Object.entries(record), ([name, value]) => Effect.map(make(value), (made) => [name, made] as const)),
    (entries): Readonly<Record<string, B>> => Object.fromEntries(entries),
  )

type Mask = Extract<Question, { readonly _tag: "Mask" }>

const openMasked = Effect.fnUntraced(function* (model: MaskedEncoder.MaskedEncoder) {
  const { scratch } = yield* Step.StepRun
  const { encoder } = model
  const tokenizer = yield* Checkpoint.tokenizer(encoder)
  const limit = { maxTokens: Checkpoint.maxTokens(encoder, tokenizer) }
  const tokens = Array.from({ length: tokenizer.vocabularySize }, (_, id) => tokenizer.tokenOf(id) ?? "")
  const { maskId } = tokenizer
  const maskToken = maskId === undefined ? "" : tokens[maskId]!
  // Whole words of letters: pieces of words, marks and special tokens begin with something else.
  const words = tokens.flatMap((token, id) => (/^\p{L}[\p{L}\p{M}]*$/u.test(token) ? [id] : []))

  const { graph, parameters } = MaskedHead.make(encoder.config, Parameter.inputs())
  const device = yield* (yield* Sessions).open
  const files = yield* MaskedEncoder.onDisk(model, scratch)
  const inHead = new Set(MaskedHead.parameters(encoder.config).map(({ name }) => name))
  const names = (of: boolean) =>
    Object.fromEntries(parameters.flatMap(({ name }) => (inHead.has(name) === of ? [[name, name]] : [])))
  yield* device.load(files.weights, names(false))
  yield* device.load(files.head, names(true))
  const session = yield* device.session(graph)
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  const resident = Object.fromEntries(parameters.map(({ name }) => [name, name]))

  const encode = ({ words: given, at }: Mask) => {
    const encoding = Tokenizer.encodeWords(
      tokenizer,
      given.map((word, place) => (place === at ? maskToken : word)),
      limit,
    )
    const place = encoding.words.findIndex((word, index) => word === at && encoding.ids[index] === maskId)
    return { encoding, place }
  }

  return Effect.fnUntraced(function* (masks: ReadonlyArray<Mask>) {
    const encoded = masks.map((mask, at) => ({ ...encode(mask), mask, at }))
    const answers: Array<ReadonlyArray<Candidate>> = masks.map(() => [])
    // A word beyond the encoder's length has no gap to look into.
    const asked = encoded.filter(({ place }) => place >= 0)
    for (let start = 0; start < asked.length; start += together) {
      const group = asked.slice(start, start + together)
      // A product with a single row is another kernel of the runtime: one alone goes with its double (see `Encode`).
      const rows = group.length === 1 ? [...group, ...group] : group
      const examples = rows.map(({ encoding }) => ({ id: "", encoding, classes: {}, tags: {} }))
      const { feeds } = Batch.make(examples, {}, tokenizer.padId)
      const { logits } = yield* session.run({
        feeds: {
          ...Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name))),
          [MaskedHead.placesInput]: Tensor.int32(
            [rows.length],
            rows.map(({ place }) => place),
          ),
        },
        resident,
        fetch: ["logits"],
      })
      const data = logits!.data as Float32Array
      const vocab = logits!.shape[1]!
      for (const [row, { mask, at }] of group.entries()) {
        answers[at] = likeliest(data.subarray(row * vocab, (row + 1) * vocab), words, mask, tokens)
      }
    }
    return answers
  })
})

/** Gaps that go through the encoder at once. */
const together = 32

/** The k words of the highest logits but the masked one, highest first, the lower id of equal ones first. */
const likeliest = (
  logits: Float32Array,
  words: ReadonlyArray<number>,
  { words: given, at, topK }: Mask,
  tokens: ReadonlyArray<string>,
): ReadonlyArray<Candidate> => {
  const own = given[at]!.toLowerCase()
  const best: Array<number> = []
  for (const id of words) {
    if (best.length === topK && logits[id]! <= logits[best.at(-1)!]!) continue
    if (tokens[id]!.toLowerCase() === own) continue
    const place = best.findIndex((other) => logits[other]! < logits[id]!)
    best.splice(place < 0 ? best.length : place, 0, id)
    if (best.length > topK) best.pop()
  }
  return best.map((id) => ({ word: tokens[id]!, logit: logits[id]! }))
}
