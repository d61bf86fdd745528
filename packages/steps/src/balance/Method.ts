/**
 * What every balancer is: a machine without memory of its own. From a state, which is plain JSON, it says how much each
 * task counts; from a state and what was seen it makes the next state. So a state that was saved goes on to the same
 * numbers, and a balancer can be tried without training anything.
 */
import type { InvalidData } from "@thaw/core/Errors"
import type * as Seed from "@thaw/core/Seed"
import { Effect, Option, Schema } from "effect"
import type * as Scored from "../training/Scored.ts"

/** A number for each task, by its name. */
export type PerTask = Readonly<Record<string, number>>

/** What a balancer knows of a phase before it begins. */
export interface World {
  /** Tasks that are drawn, rehearsed ones among them, sorted. */
  readonly tasks: ReadonlyArray<string>
  /** What guessing costs, by task. */
  readonly guessing: PerTask
  /** Updates of an epoch. */
  readonly perEpoch: number
  /** Updates of the phase, at most. */
  readonly total: number
  readonly seed: Seed.Seed
  /** The step, for messages. */
  readonly where: string
}

/** Products of the gradients of tasks, [task][task]. */
export interface Gram {
  readonly tasks: ReadonlyArray<string>
  readonly products: ReadonlyArray<ReadonlyArray<number>>
}

/** What was seen of an update. */
export interface Seen {
  /** Raw losses of the tasks in it, before it was applied. */
  readonly losses: PerTask
  /** Where the method looks at gradients. */
  readonly gram: Gram | undefined
}

/** What an evaluation says to a balancer. */
export interface Evaluated {
  /** Updates made. */
  readonly update: number
  readonly scores: ReadonlyArray<Scored.Scored>
  /** Mean of each task's raw loss since the evaluation before. */
  readonly losses: PerTask
}

export interface Definition<S> {
  readonly state: Schema.Codec<S, unknown>
  readonly start: S
  readonly weights: (state: S) => PerTask
  /** What the objective has for each task besides its weighted loss. */
  readonly added?: (state: S) => PerTask
  readonly updated?: (state: S, seen: Seen) => S
  readonly evaluated?: (state: S, evaluated: Evaluated) => Effect.Effect<S, InvalidData>
  readonly looks?: Looks
  /** How much each task's gradient counts below the heads, at an update from 0; as much as its loss where absent. */
  readonly combine?: (gram: Gram, update: number) => PerTask
}

/** Whose gradients a method looks at: of the topmost group below the heads that trains, or of all of these as one vector. */
export type Looks = "top" | "all"

/** A balancer at work. A state that is not its own, from another version, is taken for the one it starts with. */
export interface Machine {
  readonly start: Schema.Json
  /** How much the loss of each task counts. */
  readonly weights: (state: Schema.Json) => PerTask
  readonly added: (state: Schema.Json) => PerTask
  readonly updated: (state: Schema.Json, seen: Seen) => Schema.Json
  readonly evaluated: (state: Schema.Json, evaluated: Evaluated) => Effect.Effect<Schema.Json, InvalidData>
  /** Undefined: it needs no gradients. */
  readonly looks: Looks | undefined
  readonly combine: ((gram: Gram, update: number) => PerTask) | undefined
}

export const make = <S>(definition: Definition<S>): Machine => {
  const { start, weights, added, updated, evaluated } = definition
  const decode = Schema.decodeUnknownOption(definition.state)
  const read = (state: Schema.Json): S => Option.getOrElse(decode(state), () => start)
  // States have JSON on their encoded side, which the type of a codec does not say.
  const write = (state: S): Schema.Json => Schema.encodeSync(definition.state)(state) as Schema.Json
  return {
    start: write(start),
    weights: (state) => weights(read(state)),
    added: (state) => added?.(read(state)) ?? {},
    updated: (state, seen) => (updated === undefined ? state : write(updated(read(state), seen))),
    evaluated: (state, seen) =>
      evaluated === undefined ? Effect.succeed(state) : Effect.map(evaluated(read(state), seen), write),
    looks: definition.looks,
    combine: definition.combine,
  }
}

/**
 * A machine that remembers nothing and lets losses count as they are: all it says is how much each task's gradient counts
 * below the heads, from the products of the gradients, [task][task].
 */
export const combining = (
  tasks: ReadonlyArray<string>,
  coefficients: (products: Gram["products"], update: number) => ReadonlyArray<number>,
): Machine =>
  make({
    state: Schema.Struct({}),
    start: {},
    weights: () => each(tasks, () => 1),
    looks: "all",
    combine: ({ tasks: present, products }, update) => {
      const found = coefficients(products, update)
      return Object.fromEntries(present.map((task, at) => [task, found[at]!]))
    },
  })

/** The same for every task. */
export const each = <A>(tasks: ReadonlyArray<string>, of: (task: string) => A): Readonly<Record<string, A>> =>
  Object.fromEntries(tasks.map((task) => [task, of(task)]))

/** Made to sum to `sum` by one factor. */
export const summingTo = (weights: PerTask, sum: number): PerTask => {
  const total = Object.values(weights).reduce((all, weight) => all + weight, 0)
  return Object.fromEntries(Object.entries(weights).map(([task, weight]) => [task, (weight * sum) / total]))
}

/** A state that is the weights themselves. */
export const Weights = Schema.Struct({ weights: Schema.Record(Schema.String, Schema.Number) })
export type Weights = typeof Weights.Type
