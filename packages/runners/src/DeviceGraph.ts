/**
 * The same graph in what a WebGPU device computes, so that nothing of a run is left to the processor.
 *
 * ```
 * as written   Shape, Concat ──► Reshape to [batch, 4, tokens, 8]     int64 arithmetic on lengths
 * here         an input ───────► Reshape                              filled from the shapes of the other inputs
 * ```
 *
 * Whatever follows from lengths is known before a run (`Type.known`), so it becomes an input. Operators that the provider
 * lacks are spelled with others, see `Spelling.ts`.
 */
import type { DataType } from "@thaw/onnx/DataType"
import * as Dimension from "@thaw/onnx/Dimension"
import * as Graph from "@thaw/onnx/Graph"
import { apply } from "@thaw/onnx/Node"
import type { OperatorName } from "@thaw/onnx/Operators"
import * as Shape from "@thaw/onnx/Shape"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Type from "@thaw/onnx/Type"
import * as Value from "@thaw/onnx/Value"
import * as Spelling from "./Spelling.ts"

export interface DeviceGraph {
  readonly graph: Graph.Graph
  /** What is told of a run's tensors besides. */
  readonly binding: Binding
}

export interface Binding {
  /** The inputs as the graph was written; those that it only asked for their lengths are no inputs any more. */
  readonly inputs: Readonly<Record<string, Shape.Shape>>
  /** The inputs that follow from the shapes of those. */
  readonly lengths: Readonly<Record<string, Lengths>>
}

/** A scalar or vector of numbers that follow from shapes. */
export interface Lengths {
  readonly dtype: Type.Type["dtype"]
  readonly shape: ReadonlyArray<number>
  readonly contents: ReadonlyArray<Dimension.Dimension>
}

/** Undefined for a graph with something that the device cannot compute: float64, whole numbers of one or eight bytes. */
export const of = (graph: Graph.Graph): DeviceGraph | undefined => {
  if (graph.nodes.some(({ operator }) => Spelling.spellings[operator] === "none")) return undefined
  const values = new Map<string, Value.Value>()
  const lengths: Record<string, Lengths> = {}
  /** Numbers that follow from lengths, as a constant or as an input. */
  const followed = ({ dtype, shape: axes }: Type.Type, contents: ReadonlyArray<Dimension.Dimension>): Value.Value => {
    const shape = axes.map(Number)
    if (contents.every((each) => typeof each === "number")) return Value.constant(Tensor.from(dtype, shape, contents))
    const name = `lengths/${dtype} ${shape.length === 0 ? contents.join() : Shape.text(contents)}`
    lengths[name] = { dtype, shape, contents }
    return { ...Value.input(name, dtype, shape), known: contents }
  }
  for (const { name, dtype, shape } of graph.inputs) values.set(name, Value.input(name, dtype, shape))
  for (const { name, tensor, anonymous } of graph.initializers) {
    values.set(name, anonymous ? Value.constant(tensor) : Value.initializer(name, tensor))
  }
  for (const { operator, inputs, attributes, outputs } of graph.nodes) {
    const read = inputs.map((name) => (name === "" ? undefined : values.get(name)))
    const [first] = outputs
    // A length as a floating-point number is a divisor of a mean.
    const contents = first!.known ?? (operator === "Cast" ? read[0]!.known : undefined)
    const made =
      contents === undefined
        ? spelled(operator, read, attributes, (dtype, length) => followed(Type.make(dtype, []), [length]))
        : [followed(first!, contents)]
    for (const [at, { name }] of outputs.entries()) if (name !== "") values.set(name, Value.named(made[at]!, name))
  }
  const outputs = Object.fromEntries(graph.outputs.map(({ name }) => [name, values.get(name)!]))
  const inputs = Object.fromEntries(graph.inputs.map(({ name, shape }) => [name, shape]))
  const made = Graph.make({ name: graph.name, outputs })
  if (!made.nodes.every(isComputable)) return undefined
  const asked = made.inputs.flatMap(({ name }) => (lengths[name] === undefined ? [] : [[name, lengths[name]] as const]))
  return { graph: made, binding: { inputs, lengths: Object.fromEntries(asked) } }
}

/** The tensors that a run needs besides those it was given, whose shapes these are. */
export const bound = (
  { inputs, lengths }: Binding,
  shapes: Readonly<Record<string, ReadonlyArray<number>>>,
): Readonly<Record<string, Tensor.Tensor>> => {
  const known = new Map<Dimension.Dimension, number>()
  for (const [name, shape] of Object.entries(inputs)) {
    for (const [axis, dimension] of shape.entries()) known.set(dimension, shapes[name]![axis]!)
  }
  const names = Object.fromEntries([...known].filter(([dimension]) => typeof dimension === "string"))
  return Object.fromEntries(
    Object.entries(lengths).map(([name, { dtype, shape, contents }]) => {
      const numbers = contents.map((each) => known.get(each) ?? Number(Dimension.bind(each, names)))
      return [name, Tensor.from(dtype, shape, numbers)]
    }),
  )
}

/** Types that the device has kernels for. */
const computed: ReadonlySet<DataType> = new Set(["float32", "int32", "uint32", "bool"])

const isComputable = ({ outputs }: Graph.GraphNode): boolean => outputs.every(({ dtype }) => computed.has(dtype))

/** Operators are known at run time only here, so their rows' own inputs and attributes are told to the compiler by these. */
type Apply = (operator: OperatorName, ...node: ReadonlyArray<unknown>) => ReadonlyArray<Value.Value>
type Spelled = (...node: ReadonlyArray<unknown>) => Value.Value

const spelled = (
  operator: OperatorName,
  inputs: ReadonlyArray<Value.Value | undefined>,
  attributes: Readonly<Record<string, unknown>>,
  scalar: Spelling.Scalar,
): ReadonlyArray<Value.Value> => {
  const spelling = Spelling.spellings[operator]
  return typeof spelling === "string"
    ? (apply as Apply)(operator, inputs, attributes)
    : [(spelling as Spelled)(inputs, attributes, scalar)]
}
