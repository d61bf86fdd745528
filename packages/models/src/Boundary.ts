/**
 * Where the frozen bottom of an encoder ends and what trains begins. Below it everything is a constant function of the
 * example, so what crosses it can be kept. Only what updates take crosses it:
 *
 * ```
 * hidden      float32 [batch*tokens, hidden]   a block trains, or a head that trains reads every token
 * cls, mean   float32 [batch, hidden]          heads alone train, and each reads one vector of an example
 * ```
 *
 * That is a property of the phase: it is the same whether what crosses is kept or computed anew.
 */
import * as Value from "@thaw/onnx/Value"
import type * as Group from "./Group.ts"
import type { Reading } from "./Pooling.ts"

export interface Boundary {
  /** The highest group of the frozen bottom. */
  readonly group: Group.Group
  readonly form: Form
}

/** What crosses; `tokens` always alone. */
export type Form = ReadonlyArray<Reading>

/** Names of what crosses, as outputs of the bottom's graph and inputs of updates. */
export const nameOf = { tokens: "hidden", cls: "cls", mean: "mean" } as const satisfies Readonly<
  Record<Reading, string>
>

/** The smallest form that serves heads with these readings, when nothing but heads trains. */
export const formFor = (readings: Iterable<Reading>): Form => {
  const all = new Set(readings)
  return all.size === 0 || all.has("tokens") ? ["tokens"] : [...all].sort()
}

/** What crosses as input of an update. */
export const input = (reading: Reading, hidden: number): Value.Value =>
  Value.input(nameOf[reading], "float32", [reading === "tokens" ? "batch*tokens" : "batch", hidden])
