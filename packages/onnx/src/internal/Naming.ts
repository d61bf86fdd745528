/** Gives every value of a graph its name: inputs, named initializers and outputs keep theirs, the rest get free ones. */
import { GraphError } from "../Errors.ts"
import type { Initializer, Named } from "../Graph.ts"
import { operators } from "../Operators.ts"
import type { OperatorName } from "../Operators.ts"
import * as Type from "../Type.ts"
import type * as Value from "../Value.ts"
import type { Reached } from "./Reached.ts"

export interface Naming {
  readonly inputs: ReadonlyArray<Named>
  readonly initializers: ReadonlyArray<Initializer>
  /** Outputs that are the result of a node under its own name; the others are copies. */
  readonly direct: ReadonlySet<string>
  readonly of: (origin: Value.Origin) => string
}

/** @throws GraphError when two different inputs or initializers share a name, or an output is named like one of them. */
export const make = (
  where: string,
  reached: Reached,
  outputs: ReadonlyArray<readonly [string, Value.Value]>,
): Naming => {
  const names = new Map<Value.Origin, string>()
  const taken = new Set<string>()
  const counts = new Map<string, number>()
  const refuse = (expected: string, got: string, advice = "") => new GraphError({ where, expected, got, advice })

  const reserve = (name: string): void => {
    const distinct = "a name of its own for every input, initializer and output"
    if (name === "") throw refuse(distinct, "an empty name")
    if (taken.has(name))
      throw refuse(distinct, `${JSON.stringify(name)} twice`, 'Rename one, such as an output to "new/…".')
    taken.add(name)
  }
  /** `<stem>.<number>` with the next free number. */
  const numbered = (stem: string): string => {
    for (let count = counts.get(stem) ?? 0; ; count++) {
      const name = `${stem}.${count}`
      if (taken.has(name)) continue
      counts.set(stem, count + 1)
      return name
    }
  }
  const give = (origin: Value.Origin, name: string): void => {
    taken.add(name)
    names.set(origin, name)
  }

  const inputs = new Map<string, Named>()
  const initializers = new Map<string, Initializer>()
  for (const { dtype, shape, origin } of reached.leaves) {
    if (origin.kind === "input") {
      const earlier = inputs.get(origin.name)
      if (earlier === undefined) reserve(origin.name)
      else if (Type.text(earlier) !== Type.text({ dtype, shape })) {
        const types = `${Type.text(earlier)} and ${Type.text({ dtype, shape })}`
        throw refuse(`one type for the input ${JSON.stringify(origin.name)}`, types)
      }
      inputs.set(origin.name, { name: origin.name, dtype, shape })
      give(origin, origin.name)
    } else if (origin.kind === "initializer" && origin.name !== undefined) {
      const earlier = initializers.get(origin.name)
      if (earlier === undefined) reserve(origin.name)
      else if (earlier.tensor !== origin.tensor) {
        throw refuse(`one tensor for the initializer ${JSON.stringify(origin.name)}`, "two")
      }
      initializers.set(origin.name, { name: origin.name, tensor: origin.tensor, anonymous: false })
      give(origin, origin.name)
    }
  }

  const direct = new Set<string>()
  for (const [name, value] of outputs) {
    reserve(name)
    const origin = reached.standsFor(value.origin)
    if (origin.kind !== "node" || names.has(origin)) continue
    give(origin, name)
    direct.add(name)
  }

  for (const { origin } of reached.leaves) {
    if (origin.kind !== "initializer" || names.has(origin)) continue
    const name = numbered("constant")
    give(origin, name)
    initializers.set(name, { name, tensor: origin.tensor, anonymous: true })
  }

  for (const node of reached.nodes) {
    for (const [index, { origin }] of node.outputs.entries()) {
      if (names.has(origin)) continue
      const hint = reached.hint(origin)
      if (isOptional(node.operator, index) && !reached.isUsed(origin)) names.set(origin, "")
      else give(origin, hint === undefined ? numbered(node.operator) : taken.has(hint) ? numbered(hint) : hint)
    }
  }
  return {
    inputs: [...inputs.values()],
    initializers: [...initializers.values()],
    direct,
    of: (origin) => names.get(reached.standsFor(origin))!,
  }
}

const isOptional = (operator: OperatorName, output: number): boolean =>
  operators[operator].outputs[output]?.endsWith("?") ?? false
