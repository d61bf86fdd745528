/**
 * What `run`, `plan` and `why` are told on the command line beside the file, and how the journal keeps it so that
 * `rerun` can say the same again.
 */
import type * as Dag from "@thaw/core/Dag"
import type * as Plan from "@thaw/core/Plan"
import { Effect, Schema } from "effect"
import { Argument, Flag } from "./Cli.ts"
import { ArgumentsInvalid } from "./Errors.ts"

export interface Arguments {
  /** In place of the pipeline's own. */
  readonly seed: number | undefined
  readonly overrides: Dag.Overrides
  readonly code: Plan.CodeRule
  /** Threads inside one operator; one per physical core when absent. */
  readonly threads: number | undefined
  readonly runner: RunnerName
}

/** Names of the runners that exist, for `--runner`. */
export const runners = ["local", "gpu"] as const
export type RunnerName = (typeof runners)[number]

export const file = Argument.String("file").pipe(Argument.withDescription("The pipeline: a .ts or .js file"))

/** The flags that decide what a pipeline does. */
export const flags = {
  seed: Flag.Int("seed").pipe(
    Flag.withDescription("Seed of the run, in place of the pipeline's"),
    Flag.optional,
    Flag.map((given) => (given._tag === "Some" ? given.value : undefined)),
  ),
  set: Flag.String("set").pipe(
    Flag.withMetavar("step.parameter=json"),
    Flag.withDescription("Another value for a step's parameter; may be repeated"),
    Flag.atLeast(0),
  ),
  strictCode: Flag.Boolean("strict-code").pipe(
    Flag.withDescription("A step whose source changed runs again, whatever its version says"),
    Flag.withDefault(false),
  ),
  threads: Flag.Int("threads").pipe(
    Flag.withDescription("Threads of one operator; one per physical core when absent"),
    Flag.optional,
    Flag.map((given) => (given._tag === "Some" ? given.value : undefined)),
  ),
  runner: Flag.Literals("runner", runners).pipe(
    Flag.withDescription("Where graphs are computed: on the processor (local) or on a GPU by WebGPU (gpu)"),
    Flag.withDefault<RunnerName>("local"),
  ),
}

export interface Given {
  readonly seed: number | undefined
  readonly set: ReadonlyArray<string>
  readonly strictCode: boolean
  readonly threads: number | undefined
  readonly runner: RunnerName
}

/** Checks what the flags' types cannot. */
export const make = Effect.fnUntraced(function* (given: Given): Effect.fn.Return<Arguments, ArgumentsInvalid> {
  if (given.seed !== undefined && (given.seed < 0 || given.seed > 0xffffffff)) {
    return yield* invalid("--seed", "an integer from 0 to 4294967295", String(given.seed))
  }
  if (given.threads !== undefined && given.threads < 1) {
    return yield* invalid("--threads", "an integer from 1", String(given.threads))
  }
  return {
    seed: given.seed,
    overrides: Object.fromEntries(yield* Effect.forEach(given.set, override)),
    code: given.strictCode ? "key" : "say",
    threads: given.threads,
    runner: given.runner,
  }
})

/** `label.parameter=json`. Labels may hold dots, spaces and parentheses, but no equals sign. */
const override = (text: string): Effect.Effect<readonly [string, Schema.Json], ArgumentsInvalid> => {
  const equals = text.indexOf("=")
  if (equals < 1) return invalid("--set", "step.parameter=json", JSON.stringify(text))
  const path = text.slice(0, equals)
  const value = text.slice(equals + 1)
  return Effect.try({
    try: () => [path, JSON.parse(value) as Schema.Json] as const,
    catch: () =>
      problem(
        `--set ${path}`,
        "a value as JSON",
        value === "" ? "nothing" : value,
        `Texts are quoted: --set '${path}=${JSON.stringify(value)}'.`,
      ),
  })
}

const problem = (where: string, expected: string, got: string, advice = "") =>
  new ArgumentsInvalid({ where, expected, got, advice })

const invalid = (where: string, expected: string, got: string) => Effect.fail(problem(where, expected, got))

/** As the journal keeps them; `rerun` names the run that a rerun repeats. */
const Recorded = Schema.Struct({
  set: Schema.optionalKey(Schema.Record(Schema.String, Schema.Json)),
  strictCode: Schema.optionalKey(Schema.Boolean),
  threads: Schema.optionalKey(Schema.Int),
  runner: Schema.optionalKey(Schema.Literals(runners)),
  rerun: Schema.optionalKey(Schema.String),
})

export const record = (given: Arguments, rerun?: string): Record<string, Schema.Json> => ({
  ...(Object.keys(given.overrides).length > 0 ? { set: given.overrides } : {}),
  ...(given.code === "key" ? { strictCode: true } : {}),
  ...(given.threads === undefined ? {} : { threads: given.threads }),
  ...(given.runner === "local" ? {} : { runner: given.runner }),
  ...(rerun === undefined ? {} : { rerun }),
})

/** The arguments of a recorded run, its seed included. */
export const recall = (run: {
  readonly seed: number
  readonly arguments: Readonly<Record<string, Schema.Json>>
}): Effect.Effect<Arguments, ArgumentsInvalid> =>
  Schema.decodeUnknownEffect(Recorded)(run.arguments).pipe(
    Effect.mapError((issue) => problem("the run's record", "the arguments of a run", issue.message)),
    Effect.map((recorded) => ({
      seed: run.seed,
      overrides: recorded.set ?? {},
      code: recorded.strictCode === true ? ("key" as const) : ("say" as const),
      threads: recorded.threads,
      runner: recorded.runner ?? "local",
    })),
  )
