/**
 * Examples from a function of the author's: paraphrases, back-translation by a service, synthetic examples.
 *
 * Such functions are slow, cost money and need not give the same twice. So every output is kept, by the function's name
 * and version and by what the function was given: a rerun, also one that was stopped half-way or has more examples,
 * repeats what it has and calls for the rest only. That lasts as long as the store's cache.
 */
import * as Dataset from "@thaw/core/Dataset"
import { RunEvents } from "@thaw/core/RunEvent"
import * as Seed from "@thaw/core/Seed"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import { Clock, Effect, Schema } from "effect"
import * as Copies from "./Copies.ts"
import * as Generated from "./Generated.ts"
import * as Kept from "./Kept.ts"
import * as Report from "./Report.ts"

export interface Context {
  /** 1 for the first call for an example. */
  readonly copy: number
  /** Unsigned 32 bits that follow from the run's seed, the example's id and the copy. */
  readonly seed: number
}

/** May be a plain function, give a promise, or an effect that needs no service. */
export type Generator = (example: Dataset.Example, context: Context) => Step.Awaitable<Generated.Output>

export interface Options {
  readonly examples: Dataset.TrainExamples | Wire.Wire<Dataset.TrainExamples>
  /** Names the function, in messages and among what is kept. */
  readonly name: string
  /** To be changed whenever the function, its prompt or its model does: what was kept for another version is not used. */
  readonly version: string
  readonly with: Generator
  /** Calls for each example; 1 unless given. */
  readonly copies?: number
  /** Calls under way at once; 4 unless given. */
  readonly concurrency?: number
  /** Most calls in a minute, evenly spaced; as many as there can be unless given. */
  readonly perMinute?: number
  readonly originals?: "keep" | "drop"
  readonly seed?: number
}

const Positive = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** Examples whose calls are made before progress is told. */
const together = 64

const define = (call: Generator) =>
  Step.make({
    name: "Augment.generate",
    version: "1",
    input: {
      examples: Dataset.TrainExamples,
      name: Schema.NonEmptyString,
      version: Schema.NonEmptyString,
      copies: Schema.optionalKey(Positive),
      concurrency: Schema.optionalKey(Positive),
      perMinute: Schema.optionalKey(Schema.Number.check(Schema.isGreaterThan(0))),
      originals: Schema.optionalKey(Schema.Literals(["keep", "drop"])),
      seed: Seed.fromRun,
    },
    output: { examples: Dataset.TrainExamples, report: Report.AugmentationReport },
    unkeyed: ["concurrency", "perMinute"],
    run: Effect.fnUntraced(function* ({ examples, name, version, copies = 1, concurrency = 4, ...given }) {
      const { cache, label: step } = yield* Step.StepRun
      const { emit } = yield* RunEvents
      const { seed, perMinute, originals = "keep" } = given
      const pace = spacing(perMinute)
      const tasks = Dataset.tasksOf(examples)
      const ask = Effect.fnUntraced(function* (row: Dataset.Example, copy: number) {
        const number = Seed.stream(seed, row.id, String(copy)).int(2 ** 32)
        const kept = Kept.at(cache, { name, version, example: row, copy, seed: number })
        const known = yield* kept.find
        if (known !== undefined) return known
        yield* pace
        const where = `Augment.generate ${JSON.stringify(name)}, example ${JSON.stringify(row.id)}`
        const drafts = yield* Generated.called(() => call(row, { copy, seed: number }), row, tasks, where)
        yield* kept.keep(drafts)
        return drafts
      })
      const ids = Copies.taken(Dataset.rowsOf(examples))
      const of = Dataset.size(examples)
      const made: Array<Copies.Copy> = []
      let done = 0
      const finish = Effect.fnUntraced(function* (rows: ReadonlyArray<Dataset.Example>) {
        const asked = rows.flatMap((row) => Array.from({ length: copies }, (_, at) => ({ row, copy: at + 1 })))
        const drafts = yield* Effect.forEach(asked, ({ row, copy }) => ask(row, copy), { concurrency })
        for (const [at, row] of rows.entries()) {
          const own = drafts.slice(at * copies, (at + 1) * copies).flat()
          const numbers = Copies.numbers(row.id, own.length, ids)
          own.forEach((draft, place) =>
            made.push(Generated.copyOf(row, draft, Copies.idOf(row.id, numbers[place]!), numbers[place]!, name)),
          )
        }
        done += rows.length
        yield* emit({ _tag: "progressed", step, done, of, unit: "examples" })
      })
      let waiting: Array<Dataset.Example> = []
      for (const row of Dataset.rowsOf(examples)) {
        waiting.push(row)
        if (waiting.length < together) continue
        yield* finish(waiting)
        waiting = []
      }
      if (waiting.length > 0) yield* finish(waiting)
      const { kept, ...equal } = Copies.distinct(made, Dataset.rowsOf(examples))
      return {
        examples: Copies.withCopies(examples, originals, kept),
        report: Report.make(of, kept, { ...equal, dissimilar: 0 }, seed),
      }
    }),
  })

/** Waits for the next of evenly spaced moments. */
const spacing = (perMinute: number | undefined): Effect.Effect<void> => {
  if (perMinute === undefined) return Effect.void
  let next = 0
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const at = Math.max(now, next)
    next = at + 60_000 / perMinute
    return at > now ? Effect.sleep(at - now) : Effect.void
  })
}

/**
 * The examples, and what the function makes of each. It may give a text, an example's parts (`{ text, labels }`,
 * `{ tokens, tags }`), several of them, or nothing; labels are the example's unless it says others.
 *
 * ```ts
 * const { examples } = Augment.generate({
 *   examples: support.train,
 *   name: "paraphrase",
 *   version: "1",
 *   with: async ({ text }) => (await llm(`Say it otherwise: ${text}`)).split("\n"),
 *   concurrency: 8,
 *   perMinute: 60,
 * })
 * ```
 *
 * Fails with `InvalidData` that names the example when the function fails or gives what is no example; what it gave until
 * then is kept.
 */
export const generate = ({ with: call, ...args }: Options) => define(call)(args)
