/** A tensor that may train: upstream's name for it, its shape, where it stands and how it starts. */
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Seed from "@thaw/core/Seed"
import type { Group } from "./Group.ts"

export interface Parameter {
  /** Upstream's, with the family's prefix: `bert.encoder.layer.0.output.dense.weight`; heads begin with their group. */
  readonly name: string
  readonly shape: ReadonlyArray<number>
  readonly group: Group
  /** Biases and normalisation gains are exempt from weight decay. */
  readonly decays: boolean
  readonly initial: Initial
}

/** How a new parameter starts: all zeros, all ones, normal with this standard deviation, uniform between ± this bound. */
export type Initial = "zeros" | "ones" | { readonly normal: number } | { readonly uniform: number }

/** The symbolic value of a parameter in a graph. */
export type Weights = (parameter: Parameter) => Value.Value

/** Every parameter as a graph input of its own name; the same parameter is the same value. */
export const inputs = (): Weights => remembered(({ name, shape }) => Value.input(name, "float32", shape))

/** Every parameter as an initializer: its numbers are part of the graph. */
export const initializers = (tensors: Readonly<Record<string, Tensor.Tensor>>): Weights =>
  remembered(({ name }) => Value.initializer(name, tensors[name]!))

/** Some parameters as inputs, the others inside the graph. */
export const choose =
  (isInput: (parameter: Parameter) => boolean, asInput: Weights, inside: Weights): Weights =>
  (parameter) =>
    isInput(parameter) ? asInput(parameter) : inside(parameter)

/** Each parameter once, where it comes first. */
export const distinct = (parameters: ReadonlyArray<Parameter>): ReadonlyArray<Parameter> => [
  ...new Map(parameters.map((parameter) => [parameter.name, parameter])).values(),
]

const remembered = (make: Weights): Weights => {
  const made = new Map<string, Value.Value>()
  return (parameter) => {
    const known = made.get(parameter.name)
    if (known !== undefined) return known
    const value = make(parameter)
    made.set(parameter.name, value)
    return value
  }
}

/** A new parameter's numbers, from a random stream of its own name. */
export const initialise = ({ name, shape, initial }: Parameter, seed: Seed.Seed): Tensor.Tensor => {
  const data = new Float32Array(Tensor.elements(shape))
  if (initial === "ones") data.fill(1)
  else if (initial !== "zeros") {
    const { normal, float } = Seed.stream(seed, "initialisation", name)
    const draw = "normal" in initial ? () => initial.normal * normal() : () => initial.uniform * (2 * float() - 1)
    for (let at = 0; at < data.length; at++) data[at] = draw()
  }
  return Tensor.float32(shape, data)
}
