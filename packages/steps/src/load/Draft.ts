/**
 * A draft: an example as a loader found it, before it has an id. Every loader ends with `Draft.examples`.
 *
 * An example's id is the one the file gives. Where none is named it is derived from content: a hash of the normalised
 * text, with the number of the occurrence where the same text stands in the file more than once. So adding rows
 * elsewhere changes no id.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid } from "@thaw/core/Errors"
import type * as Source from "@thaw/core/Source"
import { Effect } from "effect"
import * as NormalisedText from "../NormalisedText.ts"
import * as SourceText from "./SourceText.ts"

export interface Draft extends Omit<Dataset.Example, "id" | "origin"> {
  /** Where the example starts in its file, counted from 1. */
  readonly line: number
  /** What the file gives as its id; absent when no id was asked for. */
  readonly id?: string
}

export interface Tasks {
  readonly labels: ReadonlyArray<string>
  readonly tags: ReadonlyArray<string>
}

/**
 * Task → column from `labels: { task: column }` and the short form `label: column`, whose task has the column's name.
 */
export const labelColumns = (
  label: string | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): ReadonlyArray<readonly [task: string, column: string]> => [
  ...(label === undefined ? [] : [[label, label] as const]),
  ...Object.entries(labels ?? {}),
]

/** Fails when a task is named twice, e.g. in `label` and in `labels`, or in `labels` and in `tags`. */
const requireOnce = (source: Source.Located, { labels, tags }: Tasks): Effect.Effect<void, PipelineInvalid> => {
  const names = [...labels, ...tags]
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  return twice === undefined
    ? Effect.void
    : Effect.fail(
        new PipelineInvalid({
          where: source.written,
          expected: "every task to be named once",
          got: `${JSON.stringify(twice)} twice`,
          advice: "",
        }),
      )
}

/** Fails when a file that is not empty holds no example. */
export const requireSome = (source: Source.Located, found: ReadonlyArray<unknown>): Effect.Effect<void, InvalidData> =>
  found.length > 0
    ? Effect.void
    : Effect.fail(new InvalidData({ where: source.written, expected: "at least one example", got: "none", advice: "" }))

/** Checks that every task has a name of its own, that every draft has words and an id of its own, and gives ids to those without. */
export const examples = Effect.fnUntraced(function* (
  source: Source.Located,
  drafts: ReadonlyArray<Draft>,
  tasks: Tasks,
) {
  yield* requireOnce(source, tasks)
  yield* requireSome(source, drafts)
  const firstLine = new Map<string, number>()
  const occurrences = new Map<string, number>()
  const rows: Array<Dataset.Example> = []
  for (const { line, id: given, ...draft } of drafts) {
    const text = Dataset.textOf({ id: "", origin: "", ...draft })
    const words = NormalisedText.of(text)
    // A lone surrogate, which JSON can spell, has no UTF-8 form and would be replaced without a word.
    if (words === "" || !text.isWellFormed()) {
      return yield* new InvalidData({
        where: SourceText.at(source, line),
        expected: "an example with text",
        got: words === "" ? "none" : "a character that is half a surrogate pair",
        advice: "Fill it in or remove the row.",
      })
    }
    const id = given?.trim() ?? derivedId(words, occurrences)
    const before = firstLine.get(id)
    if (id === "" || before !== undefined) {
      return yield* new InvalidData({
        where: SourceText.at(source, line),
        expected: "an id of its own",
        got: id === "" ? "none" : `${JSON.stringify(id)}, which line ${before} has already`,
        advice: "",
      })
    }
    firstLine.set(id, line)
    rows.push({ id, origin: id, ...draft })
  }
  return Dataset.examples(rows, tasks)
})

const derivedId = (words: string, occurrences: Map<string, number>): string => {
  const hash = NormalisedText.hash(words)
  const occurrence = (occurrences.get(hash) ?? 0) + 1
  occurrences.set(hash, occurrence)
  return occurrence === 1 ? hash : `${hash}-${occurrence}`
}
