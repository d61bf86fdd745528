/**
 * Augmentation as two steps of one name, which differ in what they compute with: only the one that asks models has the
 * runtime in its key.
 */
import * as Artifact from "@thaw/core/Artifact"
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData } from "@thaw/core/Errors"
import * as Problem from "@thaw/core/Problem"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import * as Checkpoint from "@thaw/models/Checkpoint"
import * as MaskedEncoder from "@thaw/models/MaskedEncoder"
import * as Seq2Seq from "@thaw/models/Seq2Seq"
import { Effect, Schema } from "effect"
import * as Environment from "../Environment.ts"
import * as Copies from "./Copies.ts"
import type { Mention } from "./Edit.ts"
import * as Mentions from "./edits/Mentions.ts"
import * as Operation from "./Operation.ts"
import * as Questions from "./Questions.ts"
import * as Report from "./Report.ts"
import * as Sentence from "./Sentence.ts"
import * as Similarity from "./Similarity.ts"
import * as Thesaurus from "./Thesaurus.ts"
import * as WordNet from "./WordNet.ts"

const fields = {
  examples: Dataset.TrainExamples,
  operation: Operation.Operation,
  /** Copies of each example; 1 unless given. */
  copies: Schema.optionalKey(Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))),
  /** Whether the examples themselves stay in the result; they do unless told. */
  originals: Schema.optionalKey(Schema.Literals(["keep", "drop"])),
  /** Copies are made of examples with one of these labels only. */
  only: Schema.optionalKey(Schema.Struct({ task: Schema.String, labels: Schema.NonEmptyArray(Schema.String) })),
  /** Words that stay as they are, in any case of letters. */
  protect: Schema.optionalKey(Schema.Array(Schema.String)),
  thesauri: Artifact.record(Thesaurus.Thesaurus),
  seed: Seed.fromRun,
} as const

const output = { examples: Dataset.TrainExamples, report: Report.AugmentationReport } as const

interface Given {
  readonly examples: Dataset.TrainExamples
  readonly operation: Operation.Operation
  readonly copies?: number
  readonly originals?: "keep" | "drop"
  readonly only?: { readonly task: string; readonly labels: ReadonlyArray<string> }
  readonly protect?: ReadonlyArray<string>
  readonly thesauri: Readonly<Record<string, Thesaurus.Sets>>
  readonly seed: Seed.Seed
}

/** Copies under way at once: so many questions may be answered together. */
const together = 256

const augmented = Effect.fnUntraced(function* <E, R, E2, R2>(
  { examples, operation, copies = 1, originals = "keep", only, protect = [], thesauri, seed }: Given,
  models: ReadonlyArray<string>,
  answering: Questions.Answering<E, R>,
  similar: (kept: ReadonlyArray<Copies.Copy>) => Effect.Effect<ReadonlyArray<Copies.Copy>, E2, R2>,
) {
  const { label: step } = yield* Step.StepRun
  const { emit } = yield* RunEvents
  yield* check(examples, operation, only?.task, [WordNet.name, ...Object.keys(thesauri), ...models])
  const locked = new Set(protect.map((word) => word.toLowerCase()))
  const world = { locked, thesaurus: thesauriOf(thesauri), mentions: mentionsOf(examples, operation) }
  const ids = Copies.taken(Dataset.rowsOf(examples))
  const made: Array<Copies.Copy> = []
  let [seen, chosen] = [0, 0]
  let started: Array<ReturnType<typeof Copies.make>> = []
  const finish = Effect.fnUntraced(function* (done: number) {
    made.push(...(yield* Questions.settle(started, answering)))
    started = []
    yield* emit({ _tag: "progressed", step, done, of: Dataset.size(examples), unit: "examples" })
  })
  for (const row of Dataset.rowsOf(examples)) {
    seen++
    if (only !== undefined && !only.labels.includes(labelOf(row, only.task) ?? "")) continue
    chosen++
    for (const number of Copies.numbers(row.id, copies, ids)) {
      started.push(Copies.make(operation, row, number, world, seed))
    }
    if (started.length >= together) yield* finish(seen)
  }
  yield* finish(seen)
  if (only !== undefined && chosen === 0) {
    const known = Dataset.labelsOf(examples, only.task)
    return yield* new InvalidData({
      where: "Augment, only",
      expected: `examples with a label among ${Problem.list(only.labels)} for task ${JSON.stringify(only.task)}`,
      got: "none",
      advice: Problem.suggestion(only.labels[0]!, known),
    })
  }
  const { kept, equalToOrigin, equalToAnother } = Copies.distinct(made, Dataset.rowsOf(examples))
  const close = yield* similar(kept)
  const dropped = { equalToOrigin, equalToAnother, dissimilar: kept.length - close.length }
  return {
    examples: Copies.withCopies(examples, originals, close),
    report: Report.make(chosen, close, dropped, seed),
  }
})

const labelOf = ({ labels }: Dataset.Example, task: string): string | undefined =>
  Object.hasOwn(labels, task) ? labels[task] : undefined

const thesauriOf = (given: Readonly<Record<string, Thesaurus.Sets>>) => {
  const known = new Map(Object.entries(given).map(([name, sets]) => [name, Thesaurus.ofSets(sets)]))
  return (source: string): Thesaurus.Thesaurus => known.get(source) ?? WordNet.thesaurus
}

const mentionsOf = (examples: Dataset.Dataset, operation: Operation.Operation) => {
  const found = new Map<string, ReadonlyMap<string, ReadonlyArray<Mention>>>()
  for (const inner of Operation.all(operation)) {
    if (inner._tag === "mentions") found.set(inner.task, Mentions.collect(sentences(examples), inner.task))
  }
  return found
}

function* sentences(examples: Dataset.Dataset): Generator<Sentence.Sentence> {
  for (const { tokens = [], tags } of Dataset.rowsOf(examples)) yield Sentence.ofTokens(tokens, tags, new Set())
}

/** What an operation reads has to be there, and has to stay right. */
const check = Effect.fnUntraced(function* (
  examples: Dataset.Dataset,
  operation: Operation.Operation,
  only: string | undefined,
  names: ReadonlyArray<string>,
) {
  const tasks = Dataset.tasksOf(examples)
  const requireTask = (task: string, known: ReadonlyArray<string>, expected: string, where: string) =>
    known.includes(task)
      ? Effect.void
      : Effect.fail(
          new InvalidData({
            where,
            expected,
            got: known.length === 0 ? "none" : Problem.list(known),
            advice: known.length === 0 ? "" : Problem.suggestion(task, known),
          }),
        )
  if (only !== undefined) {
    yield* requireTask(only, tasks.labels, `labels for task ${JSON.stringify(only)}`, "Augment, only")
  }
  for (const inner of Operation.all(operation)) {
    const where = `Augment.${inner._tag}`
    const read =
      inner._tag === "mentions"
        ? inner.task
        : (inner._tag === "synonyms" || inner._tag === "insert") && typeof inner.match === "object"
          ? inner.match.tags
          : undefined
    if (read !== undefined) yield* requireTask(read, tasks.tags, `tags for task ${JSON.stringify(read)}`, where)
    if (inner._tag === "backTranslate" && tasks.tags.length > 0) {
      return yield* new InvalidData({
        where,
        expected: "examples without tags",
        got: `tags for ${Problem.list(tasks.tags)}`,
        advice: "A translation has other tokens. Use mentions, synonyms or contextual, which keep tags right.",
      })
    }
    const unknown = namesIn(inner).find((name) => !names.includes(name))
    if (unknown !== undefined) {
      return yield* new InvalidData({
        where,
        expected: "the result of a step, or a source that comes with Thaw",
        got: JSON.stringify(unknown),
        advice: "See Augment.thesaurus, MaskedEncoder.fromFolder and Seq2Seq.fromFolder.",
      })
    }
  }
})

/** Names under which an operation expects inputs. */
const namesIn = (operation: Operation.Operation): ReadonlyArray<string> => {
  switch (operation._tag) {
    case "synonyms":
    case "insert":
      return [operation.source]
    case "contextual":
      return [operation.encoder]
    case "backTranslate":
      return [operation.there, operation.back]
    default:
      return []
  }
}

/** For operations that need no model. */
export const plain = Step.make({
  name: "Augment.examples",
  version: "1",
  input: fields,
  output,
  run: (given) => augmented(given, [], Questions.none, Effect.succeed),
})

/** For operations and filters that ask models. */
export const withModels = Step.make({
  name: "Augment.examples",
  version: "1",
  input: {
    ...fields,
    maskedEncoders: Artifact.record(MaskedEncoder.MaskedEncoder),
    translators: Artifact.record(Seq2Seq.Seq2Seq),
    similarity: Schema.optionalKey(Similarity.Bounds),
    /** One encoder where there is a similarity, else none. */
    encoders: Artifact.record(Checkpoint.Checkpoint),
  },
  output,
  environment: Environment.sessions,
  run: Effect.fnUntraced(function* ({ maskedEncoders, translators, similarity, encoders, ...given }) {
    const answering = yield* Questions.open({ maskedEncoders, translators })
    const [encoder] = Object.values<Checkpoint.Checkpoint>(encoders)
    const names = Object.keys({ ...maskedEncoders, ...translators })
    return yield* augmented(given, names, answering, (kept) =>
      encoder === undefined || similarity === undefined
        ? Effect.succeed(kept)
        : Similarity.within(kept, encoder, similarity),
    )
  }, Effect.scoped),
})
