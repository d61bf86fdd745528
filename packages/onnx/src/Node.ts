/** One use of an operator: a node of the functional graph that values remember. */
import type * as Attribute from "./Attribute.ts"
import { GraphError } from "./Errors.ts"
import type * as Operator from "./Operator.ts"
import { operators, type Attributes, type OperatorName, type Operators, type Options } from "./Operators.ts"
import * as Type from "./Type.ts"
import * as Value from "./Value.ts"

export type Inputs<N extends OperatorName> = Operator.Arguments<Operators[N]["inputs"], Value.Value>
export type Outputs<N extends OperatorName> = Operator.Results<Operators[N]["outputs"], Value.Value>

export interface NodeOf<N extends OperatorName> {
  readonly operator: N
  readonly inputs: Inputs<N>
  /** All attributes, defaults filled in. */
  readonly attributes: Attributes<N>
  readonly outputs: Outputs<N>
}

/** `switch (node.operator)` narrows inputs and attributes. */
export type Node = { readonly [N in OperatorName]: NodeOf<N> }[OperatorName]

/** The generic view of a row: what `infer` looks like when the operator is not known statically. */
interface AnyRow {
  readonly attributes: Readonly<Record<string, Attribute.Attribute<unknown>>>
  readonly infer: (
    inputs: ReadonlyArray<Value.Value | undefined>,
    attributes: Readonly<Record<string, unknown>>,
    refuse: Operator.Refuse,
  ) => ReadonlyArray<Type.Type>
}

/**
 * Applies an operator: infers the types of its outputs and gives their values. `Op` has a function for each operator;
 * this is what they share.
 *
 * @throws GraphError when the operator is not defined for these shapes, data types or attributes.
 */
export const apply = <N extends OperatorName>(operator: N, inputs: Inputs<N>, options: Options<N>): Outputs<N> => {
  // The compiler cannot relate a row to its own inputs while N is open; `Inputs<N>` and `Options<N>` just did.
  const row = operators[operator] as unknown as AnyRow
  const given = options as Readonly<Record<string, unknown>>
  const attributes = Object.fromEntries(
    Object.entries(row.attributes).map(([name, kind]) => [name, given[name] ?? kind.default]),
  )
  const values = inputs as ReadonlyArray<Value.Value | undefined>
  const refuse: Operator.Refuse = (expected, advice = "") =>
    new GraphError({ where: operator, expected, got: received(values, attributes), advice })
  const types = row.infer(values, attributes, refuse)
  const outputs: Array<Value.Value> = []
  const node = { operator, inputs, attributes, outputs } as unknown as Node
  for (const [index, { dtype, shape, known }] of types.entries()) {
    outputs.push({ ...Type.make(dtype, shape, known), origin: { kind: "node", node, index }, hint: undefined })
  }
  return outputs as unknown as Outputs<N>
}

/** `float32[batch, 12] (query) and float32[13, 4] with alpha = 2` */
const received = (inputs: ReadonlyArray<Value.Value | undefined>, attributes: Readonly<Record<string, unknown>>) => {
  const given = inputs.slice(0, inputs.findLastIndex((input) => input !== undefined) + 1)
  const values = given.map((input) => (input === undefined ? "nothing" : Value.text(input))).join(" and ")
  const settings = Object.entries(attributes).map(([name, value]) => `${name} = ${attributeText(value)}`)
  return [values === "" ? "nothing" : values, ...settings].join(", ")
}

const attributeText = (value: unknown): string =>
  typeof value === "object" && value !== null && "dtype" in value ? "a tensor" : JSON.stringify(value)
