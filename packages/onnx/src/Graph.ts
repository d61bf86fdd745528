/**
 * A graph as plain data: what some outputs need, every node after the nodes it reads, everything named.
 *
 * Order and names follow from the values alone: depth first from the outputs in the order given, inputs from left to
 * right. A node's value is named after its hint, else `<Operator>.<number>`, counted for each operator.
 */
import type { AttributeValue } from "./Attribute.ts"
import * as GraphText from "./GraphText.ts"
import * as Naming from "./internal/Naming.ts"
import * as Reached from "./internal/Reached.ts"
import * as ModelProto from "./ModelProto.ts"
import type { OperatorName } from "./Operators.ts"
import type { Tensor } from "./Tensor.ts"
import * as Type from "./Type.ts"
import type * as Value from "./Value.ts"

export interface Graph {
  readonly name: string
  /** In the order they are first reached. */
  readonly inputs: ReadonlyArray<Named>
  readonly initializers: ReadonlyArray<Initializer>
  readonly nodes: ReadonlyArray<GraphNode>
  readonly outputs: ReadonlyArray<Named>
}

export interface Named extends Type.Type {
  readonly name: string
}

export interface Initializer {
  readonly name: string
  readonly tensor: Tensor
  /** Named by the graph, for a constant that has no name of its own. */
  readonly anonymous: boolean
}

export interface GraphNode {
  readonly operator: OperatorName
  /** Names of values; `""` for an input that is left out. */
  readonly inputs: ReadonlyArray<string>
  /** All attributes, defaults filled in. */
  readonly attributes: Readonly<Record<string, AttributeValue>>
  /** An optional output that nothing uses is named `""`, so that the runtime can leave it out. */
  readonly outputs: ReadonlyArray<Named>
}

/**
 * Everything that these outputs need. Equal nodes are made one.
 *
 * @throws GraphError when two different inputs or initializers share a name, or an output is named like one of them.
 */
export const make = (options: {
  readonly name: string
  readonly outputs: Readonly<Record<string, Value.Value>>
}): Graph => {
  const wanted = Object.entries(options.outputs)
  const reached = Reached.from(wanted.map(([, value]) => value))
  const naming = Naming.make(`graph ${JSON.stringify(options.name)}`, reached, wanted)
  const named = (value: Value.Value): Named => ({
    ...Type.make(value.dtype, value.shape, value.known),
    name: naming.of(value.origin),
  })
  const nodes = reached.nodes.map(({ operator, inputs, attributes, outputs }) => ({
    operator,
    inputs: inputs.map((input) => (input === undefined ? "" : naming.of(input.origin))),
    attributes,
    outputs: outputs.map(named),
  }))
  const outputs = wanted.map(([name, value]) => ({ ...named(value), name }))
  // An output that is an input, a constant or the second name of a value has to be a copy.
  const copies = wanted.flatMap(([name, value], index) =>
    naming.direct.has(name)
      ? []
      : [
          {
            operator: "Identity" as const,
            inputs: [naming.of(value.origin)],
            attributes: {},
            outputs: [outputs[index]!],
          },
        ],
  )
  return {
    name: options.name,
    inputs: naming.inputs,
    initializers: naming.initializers,
    nodes: [...nodes, ...copies],
    outputs,
  }
}

/** Readable, a line for each input, initializer and node; equal graphs give equal texts. */
export const text = (graph: Graph): string => GraphText.text(graph)

/** The ModelProto that onnxruntime loads; an initializer's numbers are copied once, whatever their size. */
export const bytes = (graph: Graph): Uint8Array<ArrayBuffer> => ModelProto.encode(graph)
