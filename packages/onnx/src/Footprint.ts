/**
 * What running a graph takes, from its shapes alone: the bytes of the values that its nodes make, held as long as something
 * still reads them, and the operations of its matrix products.
 *
 * It follows the graph's own order. A node that only renames numbers takes no memory, and one that works number by
 * number writes into an input of its size that nothing reads afterwards, as the runtime does. What the runtime needs
 * besides (rounded blocks, products packed anew) is not counted.
 */
import * as DataType from "./DataType.ts"
import * as Dimension from "./Dimension.ts"
import type { Graph, GraphNode, Named } from "./Graph.ts"
import type { OperatorName } from "./Operators.ts"
import { comparison } from "./operators/Comparison.ts"
import { elementwise } from "./operators/Elementwise.ts"

export interface Footprint {
  /** The most bytes that values made by nodes take at once; inputs and initializers are not among them. */
  readonly peakBytes: number
  /** Bytes of the graph's outputs, which are among the peak's as soon as they are made. */
  readonly outputBytes: number
  /** Multiplications and additions of all matrix products, counted one by one. */
  readonly work: number
}

/** What each name of a dimension stands for. */
export type Lengths = Readonly<Record<string, number>>

/**
 * The footprint of one run.
 *
 * Throws RangeError where a dimension's name has no length.
 */
export const of = (graph: Graph, lengths: Lengths): Footprint => {
  const elements = counting(lengths)
  const bytes = ({ dtype, shape }: Named): number => DataType.dataTypes[dtype].bytes * elements(shape)
  const buffers = bufferOf(graph)
  const lastRead = lastReads(graph, buffers)
  const live = new Map<string, number>()
  let held = 0
  let peakBytes = 0
  for (const [at, node] of graph.nodes.entries()) {
    const reads = new Set(node.inputs.map((name) => buffers.get(name) ?? name))
    const ending = [...reads].filter((name) => live.has(name) && (lastRead.get(name) ?? at) <= at)
    for (const output of node.outputs) {
      if (output.name === "" || buffers.get(output.name) !== output.name) continue
      const size = bytes(output)
      const reused = isInPlace(node.operator) ? ending.findIndex((name) => live.get(name) === size) : -1
      if (reused >= 0) live.delete(ending.splice(reused, 1)[0]!)
      else held += size
      live.set(output.name, size)
      // What nothing reads is let go with the node that made it.
      if (!lastRead.has(output.name)) ending.push(output.name)
    }
    peakBytes = Math.max(peakBytes, held)
    for (const name of ending) {
      held -= live.get(name)!
      live.delete(name)
    }
  }
  return {
    peakBytes,
    outputBytes: graph.outputs.reduce((sum, output) => sum + bytes(output), 0),
    work: work(graph, lengths),
  }
}

/** Multiplications and additions of all matrix products of one run, counted one by one. */
export const work = (graph: Graph, lengths: Lengths): number => {
  const elements = counting(lengths)
  const shapes = new Map<string, Named["shape"]>([
    ...graph.initializers.map(({ name, tensor }) => [name, tensor.shape] as const),
    ...[graph.inputs, ...graph.nodes.map(({ outputs }) => outputs)]
      .flat()
      .map(({ name, shape }) => [name, shape] as const),
  ])
  return graph.nodes.reduce((sum, node) => {
    if (!isProduct(node)) return sum
    const inner = shapes.get(node.inputs[0]!)!.at(node.attributes["transA"] === 1 ? -2 : -1)!
    return sum + 2 * elements(node.outputs[0]!.shape) * elements([inner])
  }, 0)
}

const products: ReadonlySet<OperatorName> = new Set(["MatMul", "Gemm", "FusedMatMul", "MatMulInteger"])

/** A product with a vector of ones is how a column sum is written, and no product of the network. */
export const isProduct = ({ operator, outputs }: GraphNode): boolean => {
  const { shape } = outputs[0]!
  return products.has(operator) && !(shape.length === 2 && shape[0] === 1)
}

const counting = (lengths: Lengths) => {
  const known = new Map<Dimension.Dimension, number>()
  return (shape: ReadonlyArray<Dimension.Dimension>): number =>
    shape.reduce<number>((count, dimension) => {
      const length = known.get(dimension) ?? Number(Dimension.bind(dimension, lengths))
      if (Number.isNaN(length)) throw new RangeError(`the dimension ${dimension} has no length`)
      known.set(dimension, length)
      return count * length
    }, 1)
}

const renaming: ReadonlySet<OperatorName> = new Set(["Reshape", "Squeeze", "Unsqueeze"])

const inPlace: ReadonlySet<string> = new Set([...Object.keys(elementwise), ...Object.keys(comparison)])
const isInPlace = (operator: OperatorName): boolean => inPlace.has(operator)

/** The value whose memory each value lies in: its own, unless a node only gave it another shape. */
const bufferOf = ({ nodes }: Graph): ReadonlyMap<string, string> => {
  const buffers = new Map<string, string>()
  for (const { operator, inputs, outputs } of nodes) {
    const source = renaming.has(operator) ? (buffers.get(inputs[0]!) ?? inputs[0]!) : undefined
    for (const { name } of outputs) buffers.set(name, source ?? name)
  }
  return buffers
}

/** The last node that reads each buffer; never, for what the graph gives. */
const lastReads = ({ nodes, outputs }: Graph, buffers: ReadonlyMap<string, string>): ReadonlyMap<string, number> => {
  const last = new Map<string, number>()
  for (const [at, { inputs }] of nodes.entries()) {
    for (const name of inputs) last.set(buffers.get(name) ?? name, at)
  }
  for (const { name } of outputs) last.set(buffers.get(name) ?? name, Number.POSITIVE_INFINITY)
  return last
}
