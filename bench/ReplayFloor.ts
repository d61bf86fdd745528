/**
 * The replay floor: every matrix product of an update, at its own shape and with its own transposes, and nothing else.
 * No training through this runtime can be faster, so it says how much of an update is not products.
 *
 * Products are cut out of the update's own graph. Operands keep their names, so what the update reads twice is read twice
 * here; those that other nodes made become inputs, filled beforehand. A product with a vector of ones is how a column sum is
 * written, not a product of the network, and does not count.
 */
import * as Dimension from "@thaw/onnx/Dimension"
import * as Graph from "@thaw/onnx/Graph"
import * as Op from "@thaw/onnx/Op"
import { Sessions } from "@thaw/onnx/Session"
import * as Type from "@thaw/onnx/Type"
import { Effect } from "effect"
import * as Timed from "./Timed.ts"

export interface Products {
  readonly graph: Graph.Graph
  /** Multiplications and additions, counted one by one. */
  readonly flops: number
  readonly count: number
}

type Lengths = Readonly<Record<string, number>>

const operators: ReadonlyArray<string> = ["MatMul", "Gemm", "FusedMatMul"] satisfies ReadonlyArray<
  Graph.GraphNode["operator"]
>

/** The products of some graphs that run one after the other. Weights that are part of a graph stay part of it. */
export const products = (graphs: ReadonlyArray<Graph.Graph>, lengths: Lengths): Products => {
  const nodes: Array<Graph.GraphNode> = []
  const initializers = new Map<string, Graph.Initializer>()
  const inputs = new Map<string, Graph.Named>()
  const made = new Set<string>()
  let flops = 0
  for (const [index, graph] of graphs.entries()) {
    const own = (name: string) => (name === "" ? "" : `${index}/${name}`)
    const stored = new Map(graph.initializers.map((initializer) => [initializer.name, initializer]))
    const types = typesOf(graph, lengths)
    for (const node of graph.nodes) {
      const output = types.get(node.outputs[0]!.name)!
      if (!operators.includes(node.operator) || isSum(output)) continue
      for (const name of node.inputs.filter((operand) => operand !== "" && !made.has(own(operand)))) {
        const initializer = stored.get(name)
        if (initializer === undefined) inputs.set(own(name), { ...types.get(name)!, name: own(name) })
        else initializers.set(own(name), { ...initializer, name: own(name) })
      }
      const result = own(node.outputs[0]!.name)
      made.add(result)
      nodes.push({ ...node, inputs: node.inputs.map(own), outputs: [{ ...output, name: result }] })
      flops += 2 * elements(output) * innerLength(node, types)
    }
  }
  // Something has to be fetched: the smallest. The others are computed all the same where optimisation is off.
  const [smallest] = nodes.flatMap(({ outputs }) => outputs).sort((a, b) => elements(a) - elements(b))
  const graph = {
    name: "replay floor",
    inputs: [...inputs.values()],
    initializers: [...initializers.values()],
    nodes,
    outputs: [smallest!],
  }
  return { graph, flops, count: nodes.length }
}

const isSum = ({ shape }: Type.Type): boolean => shape.length === 2 && shape[0] === 1

const typesOf = (graph: Graph.Graph, lengths: Lengths): ReadonlyMap<string, Type.Type> =>
  new Map([
    ...graph.initializers.map(({ name, tensor: { dtype, shape } }) => [name, Type.make(dtype, shape)] as const),
    ...[graph.inputs, ...graph.nodes.map(({ outputs }) => outputs)].flat().map(
      ({ name, dtype, shape }) =>
        [
          name,
          Type.make(
            dtype,
            shape.map((length) => Dimension.bind(length, lengths)),
          ),
        ] as const,
    ),
  ])

const elements = ({ shape }: Type.Type): number => Number(Dimension.product(shape))

/** How many terms each number of a product is the sum of. */
const innerLength = ({ inputs, attributes }: Graph.GraphNode, types: ReadonlyMap<string, Type.Type>): number =>
  Number(types.get(inputs[0]!)!.shape.at(attributes["transA"] === 1 ? -2 : -1))

/** Opens a device with the products' operands on it, which lives as long as the scope. */
export const open = Effect.fnUntraced(function* ({ graph }: Products) {
  const sessions = yield* Sessions
  const device = yield* sessions.open
  const names = graph.inputs.map(({ name }) => name)
  const filling = Graph.make({
    name: "operands",
    outputs: Object.fromEntries(
      graph.inputs.map(({ name, shape }, at) => [
        name,
        // Different numbers, since equal nodes would become one; a product of numbers this small overflows nowhere.
        Op.ConstantOfShape(shape.map(Number), "float32", 0.01 + at * 1e-6),
      ]),
    ),
  })
  yield* Effect.scoped(
    Effect.flatMap(device.session(filling), (session) =>
      session.run({ keep: Object.fromEntries(names.map((name) => [name, name])) }),
    ),
  )
  const session = yield* device.session(graph)
  const resident = Object.fromEntries(names.map((name) => [name, name]))
  const fetch = graph.outputs.map(({ name }) => name)
  return {
    name: "replay-floor",
    once: Timed.secondsOf(Effect.suspend(() => session.run({ resident, fetch }))),
  } satisfies Timed.Contender
})
