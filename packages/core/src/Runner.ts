/**
 * Where step runs happen. The driver decides what runs and keeps the results; a runner only runs one step run
 * somewhere, with the services it has.
 */
import { inspect } from "node:util"
import { Cause, Context, Effect } from "effect"
import { StepFailed } from "./Errors.ts"
import type * as Step from "./Step.ts"

/** One step run with its inputs at hand. */
export interface Request {
  readonly step: Step.Any
  readonly label: string
  /** As the step's `run` takes them. */
  readonly inputs: Readonly<Record<string, unknown>>
  /** An empty folder of its own. */
  readonly scratch: string
  /** Where an earlier attempt at the same step run left what it had. */
  readonly progress: string
  /** Shared by all step runs of the store, for what can be computed again. */
  readonly cache: string
}

export class Runner extends Context.Service<
  Runner,
  {
    /** How many step runs may go on at once. */
    readonly concurrency: number
    /** What the step gives, by output name. */
    readonly run: (request: Request) => Effect.Effect<Readonly<Record<string, unknown>>, StepFailed>
    /** What of this place changes the step's bytes; empty for steps that name nothing. */
    readonly environment: (step: Step.Any) => Effect.Effect<Readonly<Record<string, string>>, StepFailed>
  }
>()("@thaw/core/Runner") {}

/**
 * Runs an effect, a promise or a plain function of a step with the services in `context`, every failure turned into
 * `StepFailed`. Interruption passes through.
 */
export const settle = <A>(
  label: string,
  // oxlint-disable-next-line typescript/no-explicit-any -- what a step asks for is not known to those who run it
  context: Context.Context<any>,
  result: () => Step.Awaitable<A>,
): Effect.Effect<A, StepFailed> =>
  // oxlint-disable-next-line typescript/no-explicit-any -- see `context`
  Effect.suspend((): Effect.Effect<A, unknown, any> => {
    const given = result()
    if (Effect.isEffect(given)) return given
    return isPromise(given) ? Effect.tryPromise({ try: () => given, catch: (cause) => cause }) : Effect.succeed(given)
  }).pipe(
    Effect.provideContext(context),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.fail(failure(label, Cause.squash(cause))),
    ),
  )

const isPromise = <A>(value: Step.Awaitable<A>): value is PromiseLike<A> =>
  typeof value === "object" && value !== null && "then" in value

/** An error as data: the tag and sentence of a typed one; the name and first line of any other. */
export const failure = (step: string, error: unknown): StepFailed => {
  if (error instanceof StepFailed) return error
  const tag = (error as { _tag?: unknown } | null | undefined)?._tag
  const name = typeof tag === "string" ? tag : error instanceof Error ? error.name : "Error"
  const message =
    error instanceof Error
      ? error.message
      : typeof error === "string"
        ? error
        : inspect(error, { breakLength: Infinity })
  const failed = new StepFailed({ step, tag: name, problem: message.trim().split("\n")[0] || name })
  // Beside the data, for whoever debugs the step: where it came from.
  return Object.assign(failed, { cause: error })
}
