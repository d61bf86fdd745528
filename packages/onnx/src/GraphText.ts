/**
 * The text form of a graph, for people and for tests that hold a graph still:
 *
 *     graph "example"
 *       input ids: int32[batch, tokens]
 *       initializer words: float32[100, 8]
 *       Gather.0: float32[batch, tokens, 8] = Gather(words, ids)
 *       output pooled: float32[batch, 8] = ReduceMean(Gather.0, [1]) keepdims=0
 *
 * Small constants without a name stand where they are used. Attributes that have their default are not shown.
 */
import type * as Attribute from "./Attribute.ts"
import type { Graph, Initializer } from "./Graph.ts"
import { operators, type OperatorName } from "./Operators.ts"
import type * as Tensor from "./Tensor.ts"
import * as Type from "./Type.ts"

/** Longer constants are listed instead of written where they are used. */
const mostInline = 8

export const text = (graph: Graph): string => {
  const inline = new Map(
    graph.initializers.filter(isInline).map(({ name, tensor }) => [name, contents(tensor)] as const),
  )
  const reference = (name: string): string => (name === "" ? "–" : (inline.get(name) ?? name))
  const outputs = new Set(graph.outputs.map(({ name }) => name))
  const lines = [
    ...graph.inputs.map((input) => `input ${input.name}: ${Type.text(input)}`),
    ...graph.initializers
      .filter((initializer) => !isInline(initializer))
      .map(({ name, tensor }) => `initializer ${name}: ${Type.text(tensor)}`),
    ...graph.nodes.map((node) => {
      const results = node.outputs
        .filter(({ name }) => name !== "")
        .map((output) => `${outputs.has(output.name) ? "output " : ""}${output.name}: ${Type.text(output)}`)
      const attributes = written(node.operator, node.attributes).map(([name, value]) => ` ${name}=${attribute(value)}`)
      const inputs = node.inputs.slice(0, node.inputs.findLastIndex((name) => name !== "") + 1).map(reference)
      return `${results.join(", ")} = ${node.operator}(${inputs.join(", ")})${attributes.join("")}`
    }),
  ]
  return [`graph ${JSON.stringify(graph.name)}`, ...lines.map((line) => `  ${line}`), ""].join("\n")
}

/** The attributes that differ from ONNX's default, in the order of the operator's row: what is shown and stored. */
export const written = (
  operator: OperatorName,
  attributes: Readonly<Record<string, Attribute.AttributeValue>>,
): ReadonlyArray<readonly [string, Attribute.AttributeValue, Attribute.Attribute<unknown>["kind"]]> => {
  const kinds: Readonly<Record<string, Attribute.Attribute<unknown>>> = operators[operator].attributes
  return Object.entries(kinds).flatMap(([name, kind]) => {
    const value = attributes[name]
    return value === undefined || value === kind.default ? [] : [[name, value, kind.kind] as const]
  })
}

const isInline = ({ anonymous, tensor }: Initializer): boolean =>
  anonymous && tensor.shape.length <= 1 && tensor.data.length <= mostInline

const contents = (tensor: Tensor.Tensor): string =>
  tensor.shape.length === 0 ? String(tensor.data[0]) : `[${tensor.data.join(", ")}]`

const attribute = (value: Attribute.AttributeValue): string =>
  typeof value === "object" && "dtype" in value
    ? `${Type.text(value)} ${contents(value)}`
    : Array.isArray(value)
      ? `[${value.join(", ")}]`
      : String(value)
