/**
 * A step: a named, versioned function from artifacts and parameters to artifacts. Calling it wires it into a pipeline
 * and runs nothing.
 *
 * ```ts
 * const dropShort = Step.make({
 *   name: "dropShort",
 *   version: "1",
 *   input: { examples: Dataset.TrainExamples, minWords: Schema.Int },
 *   output: Dataset.TrainExamples,
 *   run: ({ examples, minWords }) => Dataset.filter(examples, (row) => row.text.split(" ").length >= minWords),
 * })
 * const longer = dropShort({ examples: split.train, minWords: 3 }) // Wire<TrainExamples>
 * ```
 */
/* oxlint-disable typescript/no-explicit-any -- what stands here for steps of every type is invariant: only `any` fits */
import { Context } from "effect"
import type { Effect, Schema, Types } from "effect"
import type * as Artifact from "./Artifact.ts"
import { PipelineInvalid } from "./Errors.ts"
import type * as Seed from "./Seed.ts"
import type * as Source from "./Source.ts"
import * as Wire from "./Wire.ts"

/** What one named input of a step may be. */
export type Field =
  | Artifact.Kind<any>
  | Artifact.RecordOf<any>
  | Source.Source
  | Seed.FromRun
  | Schema.Codec<any, any>
  | Schema.optionalKey<Schema.Codec<any, any>>

export type Fields = Readonly<Record<string, Field>>

/** One artifact, or several under names. */
export type Output = Artifact.Kind<any> | Readonly<Record<string, Artifact.Kind<any>>>

/** What an author may write for a field: a value, or the wire that carries one. */
type Accepted<F> =
  F extends Artifact.Kind<infer T>
    ? T | Wire.Wire<T>
    : F extends Artifact.RecordOf<infer T>
      ? { readonly [name: string]: T | Wire.Wire<T> }
      : F extends Source.Source
        ? string
        : F extends Seed.FromRun
          ? number
          : F extends Schema.Constraint
            ? F["~type.make"] | Wire.Wire<F["Type"]>
            : never

/** What `run` receives for a field. */
type Given<F> =
  F extends Artifact.Kind<infer T>
    ? T
    : F extends Artifact.RecordOf<infer T>
      ? { readonly [name: string]: T }
      : F extends Source.Remote
        ? Source.Pinned
        : F extends Source.Local
          ? Source.Located
          : F extends Seed.FromRun
            ? Seed.Seed
            : F extends Schema.Constraint
              ? F["Type"]
              : never

type MayBeOmitted<F> = F extends Seed.FromRun
  ? true
  : F extends { readonly "~type.optionality": "optional" }
    ? true
    : false

type OptionalNames<I extends Fields> = { [K in keyof I]: MayBeOmitted<I[K]> extends true ? K : never }[keyof I]

type OptionalSchemaNames<I extends Fields> = {
  [K in keyof I]: I[K] extends { readonly "~type.optionality": "optional" } ? K : never
}[keyof I]

/** The argument of a step call. */
export type Arguments<I extends Fields> = Types.Simplify<
  { readonly [K in Exclude<keyof I, OptionalNames<I>>]: Accepted<I[K]> } & {
    readonly [K in OptionalNames<I>]?: Accepted<I[K]>
  }
>

/** The argument of a step's `run`. */
export type Inputs<I extends Fields> = Types.Simplify<
  { readonly [K in Exclude<keyof I, OptionalSchemaNames<I>>]: Given<I[K]> } & {
    readonly [K in OptionalSchemaNames<I>]?: Given<I[K]>
  }
>

/** What `run` gives back. */
export type Outcome<O extends Output> =
  O extends Artifact.Kind<infer T> ? T : { readonly [K in keyof O]: O[K] extends Artifact.Kind<infer T> ? T : never }

/** What a call gives: a wire per output. */
export type Wired<O extends Output> =
  O extends Artifact.Kind<infer T>
    ? Wire.Wire<T>
    : { readonly [K in keyof O]: O[K] extends Artifact.Kind<infer T> ? Wire.Wire<T> : never }

/** A result as an author may return it: plain, promised, or as an effect. */
export type Awaitable<A> = A | PromiseLike<A> | Effect.Effect<A, any, any>

export interface Definition<I extends Fields, O extends Output> {
  /** Shown in plans and part of the content key. */
  readonly name: string
  /** Raise it whenever the same inputs give other outputs than before: it is part of the content key. */
  readonly version: string
  readonly input: I
  readonly output: O
  /**
   * What else changes the step's bytes, e.g. the runtime it computes with. Evaluated when a run is planned and made part
   * of the content key.
   */
  readonly environment?: Effect.Effect<Readonly<Record<string, string>>, any, any>
  /**
   * Parameters, or fields of theirs (`cache.budgetBytes`), that decide how a step works and not what it gives: they are
   * left out of the content key, so that changing them reruns nothing.
   */
  readonly unkeyed?: ReadonlyArray<string>
  /** How plans and progress call this call; the step's name when absent. */
  readonly title?: (parameters: Readonly<Record<string, unknown>>) => string
  /** What is known of the outputs before the step ran; see `Known`. */
  readonly forecast?: (known: Known) => unknown
  readonly run: (inputs: Inputs<I>) => Awaitable<Outcome<O>>
}

/**
 * What a forecast may look at. It reads headers and configs at most, quickly and without effects; where it throws,
 * nothing is known.
 */
export interface Known {
  /** Encoded, by field. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** The path of an address is the address. */
  readonly sources: Readonly<Record<string, Source.Located>>
  /** Forecasts of the steps that give the inputs, by field (`field.name` inside a record). */
  readonly inputs: Readonly<Record<string, unknown>>
}

export interface Step<I extends Fields, O extends Output> extends Definition<I, O> {
  (args: Arguments<I>): Wired<O>
  readonly _tag: "Step"
}

/** A step whose inputs and outputs are known at run time only: what the Dag and the runners work with. */
export interface Any {
  readonly name: string
  readonly version: string
  readonly input: Fields
  readonly output: Output
  readonly environment?: Effect.Effect<Readonly<Record<string, string>>, any, any>
  readonly unkeyed?: ReadonlyArray<string>
  readonly title?: (parameters: Readonly<Record<string, unknown>>) => string
  readonly forecast?: (known: Known) => unknown
  readonly run: (inputs: any) => Awaitable<any>
}

/** Name of the only output of a step that has one. */
export const onlyOutput = "value"

export const isKind = (output: Output): output is Artifact.Kind<any> =>
  (output as { _tag?: unknown })._tag === "ArtifactKind"

/** Outputs by name, also where there is one only. */
export const outputsOf = (step: Any): Readonly<Record<string, Artifact.Kind<any>>> =>
  isKind(step.output) ? { [onlyOutput]: step.output } : step.output

/**
 * Throws `PipelineInvalid` on an empty name or version, and on a field with a dot in its name: `field.name` is how the
 * members of a record input are called.
 */
export const make = <const I extends Fields, const O extends Output>(definition: Definition<I, O>): Step<I, O> => {
  const step: Any = definition
  check(step)
  const wire = (args: Arguments<I>): Wired<O> => {
    const call: Wire.Call = { step, arguments: snapshot(step, args as Readonly<Record<string, unknown>>) }
    const wires = Object.fromEntries(Object.keys(outputsOf(step)).map((name) => [name, Wire.make(call, name)]))
    return (isKind(step.output) ? wires[onlyOutput] : wires) as Wired<O>
  }
  const { name, ...rest } = definition
  // A function's own `name` is not writable, only configurable.
  Object.defineProperty(wire, "name", { value: name, configurable: true })
  return Object.assign(wire, rest, { _tag: "Step" as const })
}

const check = (step: Any): void => {
  const refuse = (where: string, expected: string, got: unknown, advice = "") => {
    throw new PipelineInvalid({ where, expected, got: JSON.stringify(got) ?? "nothing", advice })
  }
  if (typeof step.name !== "string" || step.name === "") refuse("Step.make, name", "a name", step.name)
  if (typeof step.version !== "string" || step.version === "") {
    refuse(`step ${step.name}, version`, "a version", step.version, 'Start with "1" and raise it when results change.')
  }
  for (const name of Object.keys(step.input)) {
    if (name === "" || name.includes(".")) refuse(`step ${step.name}, input`, "a name without a dot", name)
  }
}

/**
 * Arguments as they are now: what the author does to the objects later is not part of this call. They inherit nothing, so
 * a field that was left out is absent whatever its name is.
 */
const snapshot = (
  step: Any,
  args: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, unknown>> => {
  const kept: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(args ?? {})) {
    const sort = (step.input[name] as { _tag?: unknown } | undefined)?._tag
    kept[name] = sort === "ArtifactKind" ? value : sort === "ArtifactRecord" ? shallow(value) : deep(value, [])
  }
  return kept
}

const shallow = (value: unknown): unknown => (isPlain(value) ? { ...value } : value)

/** Wires and instances of classes are kept as they are; so is what contains itself, which no schema accepts. */
const deep = (value: unknown, above: ReadonlyArray<unknown>): unknown => {
  if (above.includes(value)) return value
  if (Array.isArray(value)) return value.map((inner: unknown) => deep(inner, [...above, value]))
  return isPlain(value)
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, deep(inner, [...above, value])]))
    : value
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" &&
  value !== null &&
  Object.getPrototypeOf(value) === Object.prototype &&
  !Wire.isWire(value)

/** What a running step may ask about itself. */
export class StepRun extends Context.Service<
  StepRun,
  {
    /** As plans and events call this step run. */
    readonly label: string
    /** An empty folder of the step run's own, gone when it ends. Files returned in artifacts may lie there. */
    readonly scratch: string
    /**
     * A folder that stays when the step run does not end well: what an attempt leaves here the next one finds. It belongs
     * to the step run's content key, so it never holds the work of other inputs. Gone once there is a result.
     */
    readonly progress: string
    /**
     * A folder that all step runs of the store share, also those of other processes, for what can be computed again. What
     * is found there has to be verified, and anything there may be gone at any time.
     */
    readonly cache: string
  }
>()("@thaw/core/StepRun") {}
