/**
 * A draft: an example as a loader found it, before it has an id. Every loader ends with `Draft.examples`, which takes
 * drafts as they are read: neither the file nor the examples need fit in memory.
 *
 * An example's id is the one the file gives. Where none is named it is derived from content: a hash of the normalised
 * text, with the number of the occurrence where the same text stands in the files more than once. So adding rows
 * elsewhere changes no id.
 */
import * as Dataset from "@thaw/core/Dataset"
import { InvalidData, PipelineInvalid, SourceUnreadable } from "@thaw/core/Errors"
import * as Source from "@thaw/core/Source"
import { Effect } from "effect"
import * as NormalisedText from "../NormalisedText.ts"
import { Identities } from "./Identities.ts"
import { Lot } from "./Lot.ts"
import * as SourceText from "./SourceText.ts"
import * as TagColumn from "./TagColumn.ts"

export interface Draft extends Omit<Dataset.Example, "id" | "origin"> {
  /** Where the example starts in its file, counted from 1. */
  readonly place: number
  /** Where a tag stands, for files with a line a token; `place` where absent. */
  readonly placeOfTag?: (at: number) => number
  /** What the file gives as its id; absent when no id was asked for. */
  readonly id?: string
}

/** A way to read files of one format. */
export interface Format {
  /** What its places count. */
  readonly unit: "line" | "row"
  /**
   * Drafts of one file, many at a time, tags as the file has them; or rows by columns, where there are no tags. Each lot is
   * gone through once, before the next is asked for. Reads anew at each call; throws the errors below.
   */
  readonly read: (source: Source.Located) => AsyncIterable<Iterable<Draft> | Lot>
  /** Fails on what shows only when all files are read. */
  readonly end?: (source: Source.Located) => void
}

/** Drafts of several examples at once, so that whoever reads them waits seldom. */
export const atOnce = 1024

type Failure = InvalidData | PipelineInvalid | SourceUnreadable

const isFailure = (cause: unknown): cause is Failure =>
  cause instanceof InvalidData || cause instanceof PipelineInvalid || cause instanceof SourceUnreadable

/**
 * The examples of one file, of the files in a folder or of those that a glob names, in the order of their names.
 *
 * Fails when a task is named twice, when there is no example, and on an example without words or without an id of its
 * own.
 *
 * @param shards the files, where they are known otherwise
 */
export const examples = (
  source: Source.Located,
  format: Format,
  tasks: Dataset.Tasks,
  shards: (
    source: Source.Located,
  ) => ReadonlyArray<Source.Located> | Promise<ReadonlyArray<Source.Located>> = Source.shards,
): Effect.Effect<Dataset.Examples, Failure> =>
  Effect.tryPromise({
    try: async (signal) => {
      requireOnce(source, tasks)
      const files = await shards(source)
      const normalisers = await normalisersOf(files, format, tasks.tags, signal)
      const collector = Dataset.collector(tasks)
      const identities = new Identities(collector)
      for (const file of files) {
        identities.enter(file)
        for await (const drafts of format.read(file)) {
          signal.throwIfAborted()
          const add = (draft: Draft) => collector.add(exampleOf(draft, file, format, identities, normalisers))
          if (drafts instanceof Lot) identities.addLot(drafts, add)
          else for (const draft of drafts) add(draft)
        }
      }
      format.end?.(source)
      if (identities.count === 0) throw await nothing(source, files, format)
      return collector.end() as Dataset.Examples
    },
    catch: (cause) => cause,
  }).pipe(
    Effect.catch((cause) => {
      if (cause instanceof SourceText.NoText)
        return Effect.flatMap(
          Effect.promise(() => cause.describe()),
          Effect.fail,
        )
      return isFailure(cause) ? Effect.fail(cause) : Effect.die(cause)
    }),
  )

const requireOnce = (source: Source.Located, tasks: Dataset.Tasks): void => {
  const names = Dataset.namesOf(tasks)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice === undefined) return
  throw new PipelineInvalid({
    where: source.written,
    expected: "every task to be named once",
    got: `${JSON.stringify(twice)} twice`,
    advice: "",
  })
}

const nothing = async (source: Source.Located, files: ReadonlyArray<Source.Located>, { unit }: Format) => {
  if (files.length === 0) {
    const advice = "Names that start with a dot or an underscore do not count."
    return new SourceUnreadable({ where: source.written, expected: "files", got: "none", advice })
  }
  const [first] = files
  if (unit === "line" && files.length === 1 && (await SourceText.isBlank(first!))) {
    return new InvalidData({ where: source.written, expected: "examples", got: "an empty file", advice: "" })
  }
  return new InvalidData({ where: source.written, expected: "at least one example", got: "none", advice: "" })
}

export const at = (source: Source.Located, { unit }: Pick<Format, "unit">, place: number): string =>
  `${source.written}, ${unit} ${place}`

type Normalisers = ReadonlyMap<string, (tags: ReadonlyArray<string>) => ReadonlyArray<string>>

/** How the tags of a task become BIO shows only when all of them are seen: files with tags are read twice. */
const normalisersOf = async (
  files: ReadonlyArray<Source.Located>,
  format: Format,
  tasks: ReadonlyArray<string>,
  signal: AbortSignal,
): Promise<Normalisers> => {
  const surveys = new Map(tasks.map((task) => [task, new TagColumn.Survey()]))
  for (const file of tasks.length === 0 ? [] : files) {
    for await (const drafts of format.read(file)) {
      signal.throwIfAborted()
      for (const { place, placeOfTag = () => place, tags } of drafts instanceof Lot ? [] : drafts) {
        for (const [task, sequence] of Object.entries(tags)) {
          surveys.get(task)!.add(sequence, (tag) => at(file, format, placeOfTag(tag)))
        }
      }
    }
  }
  return new Map([...surveys].map(([task, survey]) => [task, survey.normaliser(task)]))
}

const exampleOf = (
  draft: Draft,
  source: Source.Located,
  format: Format,
  identities: Identities,
  normalisers: Normalisers,
): Dataset.Example => {
  const { pair, negative, tokens, labels, labelSets, scores, kept } = draft
  const text = draft.text ?? tokens!.join(" ")
  const isEmpty = NormalisedText.isEmpty(text)
  // A lone surrogate, which JSON can spell, has no UTF-8 form and would be replaced without a word.
  if (isEmpty || !text.isWellFormed() || pair?.isWellFormed() === false || negative?.isWellFormed() === false) {
    const got = isEmpty ? "none" : "a character that is half a surrogate pair"
    refuse(draft, source, format, "an example with text", got, "Fill it in or remove the row.")
  }
  const id = draft.id?.trim() ?? identities.derived(NormalisedText.of(text))
  if (id === "") refuse(draft, source, format, "an id of its own", "none")
  // Derived ids differ by construction.
  const before = draft.id === undefined ? undefined : identities.whereIs(id)
  if (before !== undefined) {
    const where = before.source === source ? "" : ` of ${before.source.written}`
    const got = `${JSON.stringify(id)}, which ${format.unit} ${before.place}${where} has already`
    refuse(draft, source, format, "an id of its own", got)
  }
  identities.came(draft.place)
  const tags = normalised(draft.tags, normalisers)
  // Most rows are of this form: one object is made of them, not several.
  if (
    tokens === undefined &&
    pair === undefined &&
    labelSets === undefined &&
    scores === undefined &&
    kept === undefined
  )
    return { id, origin: id, text, labels, tags }
  return {
    id,
    origin: id,
    ...(tokens === undefined ? { text } : { tokens }),
    ...(pair !== undefined && { pair }),
    ...(negative !== undefined && { negative }),
    labels,
    tags,
    ...(labelSets && { labelSets }),
    ...(scores && { scores }),
    ...(kept && { kept }),
  }
}

const refuse = (
  { place }: Draft,
  source: Source.Located,
  format: Format,
  expected: string,
  got: string,
  advice = "",
): never => {
  throw new InvalidData({ where: at(source, format, place), expected, got, advice })
}

const normalised = (tags: Draft["tags"], normalisers: Normalisers): Draft["tags"] => {
  if (normalisers.size === 0) return tags
  const given = Object.entries(tags)
  return Object.fromEntries(given.map(([task, sequence]) => [task, normalisers.get(task)!(sequence)]))
}
