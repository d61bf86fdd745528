/** What a function of the author's gives for an example, checked and made a copy. */
import type * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import type * as Step from "@thaw/core/Step"
import { Cause, Effect, Exit, Schema } from "effect"
import * as Chunk from "../Chunk.ts"
import type * as Copies from "./Copies.ts"
import * as Sentence from "./Sentence.ts"

/** Parts of an example that take the place of the example's own. */
export const Draft = Schema.Struct({
  text: Schema.optionalKey(Schema.String),
  pair: Schema.optionalKey(Schema.String),
  negative: Schema.optionalKey(Schema.String),
  tokens: Schema.optionalKey(Schema.Array(Schema.String)),
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  tags: Schema.optionalKey(Schema.Record(Schema.String, Schema.Array(Schema.String))),
})
export type Draft = typeof Draft.Type

/** A text alone stands for `{ text }`; nothing, for no example. */
export type Output = string | Draft | ReadonlyArray<string | Draft> | undefined

export const Drafts = Schema.Array(Draft)

/**
 * What the function gives, as drafts that fit the dataset.
 *
 * @param where names the function and the example, for messages
 */
export const called = Effect.fnUntraced(function* (
  call: () => Step.Awaitable<Output>,
  row: Dataset.Example,
  tasks: Tasks,
  where: string,
): Effect.fn.Return<ReadonlyArray<Draft>, InvalidData> {
  const invalid = (expected: string, got: string, advice = "") => new InvalidData({ where, expected, got, advice })
  const outcome = yield* Effect.exit(settled(call))
  if (Exit.isFailure(outcome)) {
    if (Cause.hasInterruptsOnly(outcome.cause)) return yield* Effect.interrupt
    const error = Cause.squash(outcome.cause)
    const [line = ""] = (error instanceof Error ? error.message : String(error)).trim().split("\n")
    const got = `an error: ${line === "" ? "without a message" : line.replace(/[.\s]+$/u, "")}`
    return yield* invalid("something from the function", got, "What it gave for other examples is kept.")
  }
  const given = outcome.value
  const all: ReadonlyArray<unknown> = given === undefined ? [] : Array.isArray(given) ? given : [given]
  const drafts: Array<Draft> = []
  for (const each of all) {
    const draft = yield* Schema.decodeUnknownEffect(Draft)(typeof each === "string" ? { text: each } : each).pipe(
      Effect.mapError(() => invalid("texts, or parts of an example, from the function", Problem.shown(each))),
    )
    const problem = misfit(draft, row, tasks)
    if (problem !== undefined) return yield* invalid(...problem)
    drafts.push(draft)
  }
  return drafts
})

/** A plain function, a promise or an effect, as an effect. */
const settled = (call: () => Step.Awaitable<Output>): Effect.Effect<Output, unknown> =>
  Effect.suspend((): Effect.Effect<Output, unknown> => {
    const given = call()
    // An effect that asks for a service fails with a sentence that says so.
    if (Effect.isEffect(given)) return given as Effect.Effect<Output, unknown>
    return Effect.tryPromise({ try: async () => given, catch: (cause) => cause })
  })

interface Tasks {
  readonly labels: ReadonlyArray<string>
  readonly tags: ReadonlyArray<string>
}

type Misfit = readonly [expected: string, got: string, advice?: string]

const misfit = (draft: Draft, row: Dataset.Example, { labels, tags }: Tasks): Misfit | undefined => {
  const wanted = row.tokens === undefined ? "text" : "tokens"
  const other = wanted === "text" ? "tokens" : "text"
  if (draft[other] !== undefined) return [wanted, other, "The examples of one dataset have one form."]
  if (draft.pair !== undefined && row.pair === undefined) return ["one text, as the example has", "two"]
  if (draft.negative !== undefined && row.negative === undefined) {
    return ["no negative, as the example has none", "one"]
  }
  const unknown = Object.keys(draft.labels ?? {}).find((task) => !labels.includes(task))
  if (unknown !== undefined) {
    return ["labels for tasks of the examples", JSON.stringify(unknown), Problem.suggestion(unknown, labels)]
  }
  const strange = Object.keys(draft.tags ?? {}).find((task) => !tags.includes(task))
  if (strange !== undefined) {
    return ["tags for tasks of the examples", JSON.stringify(strange), Problem.suggestion(strange, tags)]
  }
  const tokens = draft.tokens ?? row.tokens ?? []
  for (const [task, sequence] of Object.entries(draft.tags ?? row.tags)) {
    if (sequence.length !== tokens.length) {
      return [`${tokens.length} tags for task ${JSON.stringify(task)}, one per token`, String(sequence.length)]
    }
    const broken = sequence.findIndex((tag, at) => continuesNothing(tag, sequence[at - 1]))
    if (broken >= 0) return ["an I- tag to follow a tag of its type", `${sequence[broken]} at token ${broken + 1}`]
  }
  return undefined
}

const continuesNothing = (tag: string, before: string | undefined): boolean =>
  Chunk.prefix(tag) === "I" && (Chunk.prefix(before ?? "O") === undefined || before!.slice(2) !== tag.slice(2))

/** The example with the parts that the function gave. */
export const copyOf = (from: Dataset.Example, draft: Draft, id: string, number: number, name: string): Copies.Copy => {
  const { labels, tags, ...parts } = draft
  const row: Dataset.Example = {
    ...from,
    ...parts,
    id,
    labels: { ...from.labels, ...labels },
    tags: tags ?? from.tags,
  }
  const words = Sentence.words(Sentence.ofText(draft.text ?? draft.tokens?.join(" ") ?? "", new Set())).length
  return { row, from, number, applied: [{ operation: `generate ${name}`, words }] }
}
