/**
 * A wire: the reference to what a step call will give. Calling a step returns wires and runs nothing.
 */
import type * as Step from "./Step.ts"

declare const Carries: unique symbol

export interface Wire<out T> {
  readonly _tag: "Wire"
  readonly call: Call
  /** Name of the step's output; `value` where the step has one output only. */
  readonly output: string
  readonly [Carries]?: () => T
}

/** One call of a step in a pipeline. Identity matters: the same call reached by two wires runs once. */
export interface Call {
  readonly step: Step.Any
  /** As the author wrote them: values, wires, records of wires. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** Where set, this stands for other calls, known once there is a forecast of what `from` will give. */
  readonly later?: Later
}

export interface Later {
  readonly from: Wire<unknown>
  readonly expand: (forecast: unknown) => Wire<unknown>
}

export const make = <T>(call: Call, output: string): Wire<T> => ({ _tag: "Wire", call, output })

/**
 * A part of a pipeline whose steps depend on something about `from` that is known before it runs, such as how many
 * blocks an encoder has: `expand` is given the step's forecast (undefined where it has none) when the Dag is made.
 */
export const later = <T>(from: Wire<T>, expand: (forecast: unknown) => Wire<T>): Wire<T> =>
  make({ step: from.call.step, arguments: {}, later: { from, expand } }, from.output)

export const isWire = (value: unknown): value is Wire<unknown> =>
  typeof value === "object" && value !== null && (value as { _tag?: unknown })._tag === "Wire"
