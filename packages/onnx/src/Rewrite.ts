/** The same values computed in another way: some nodes are replaced, and what reads them is made anew. */
import * as Reached from "./internal/Reached.ts"
import { apply } from "./Node.ts"
import type { OperatorName } from "./Operators.ts"
import type * as Value from "./Value.ts"

/** A node seen generically; its inputs are as they have become. */
export interface Rewritable {
  readonly operator: OperatorName
  readonly inputs: ReadonlyArray<Value.Value | undefined>
  readonly attributes: Readonly<Record<string, unknown>>
}

/**
 * @param replacement of the node's first output, which has to be its only one that is read; undefined where the node stays
 */
export const values = (
  outputs: Readonly<Record<string, Value.Value>>,
  replacement: (node: Rewritable) => Value.Value | undefined,
): Readonly<Record<string, Value.Value>> => {
  const reached = Reached.from(Object.values(outputs))
  const become = new Map<Value.Origin, Value.Value>()
  const now = (value: Value.Value): Value.Value => {
    const found = become.get(reached.standsFor(value.origin))
    return found === undefined ? value : { ...found, hint: value.hint ?? found.hint }
  }
  for (const { operator, inputs, attributes, outputs: given } of reached.nodes) {
    const read = inputs.map((input) => (input === undefined ? undefined : now(input)))
    const replaced = replacement({ operator, inputs: read, attributes })
    if (replaced !== undefined) become.set(given[0]!.origin, replaced)
    else if (read.some((input, at) => input?.origin !== inputs[at]?.origin)) {
      // The row's own inputs and attributes, which the compiler cannot relate to an operator known at run time only.
      const made = (apply as (...node: ReadonlyArray<unknown>) => ReadonlyArray<Value.Value>)(
        operator,
        read,
        attributes,
      )
      for (const [at, { origin }] of given.entries()) become.set(origin, made[at]!)
    }
  }
  return Object.fromEntries(Object.entries(outputs).map(([name, value]) => [name, now(value)]))
}
