/**
 * Reverse-mode differentiation of a graph of values: gradients are more values.
 *
 * From the loss backwards, every node turns the gradients of its outputs into gradients of its inputs (see Rules.ts);
 * a value that is used several times gets their sum (Griewank & Walther 2008, §3.2). Only values through which the loss
 * depends on something wanted get a gradient, so frozen parts cost nothing.
 */
import type { Node } from "@thaw/onnx/Node"
import * as DataType from "@thaw/onnx/DataType"
import * as Op from "@thaw/onnx/Op"
import * as Shape from "@thaw/onnx/Shape"
import * as Tensor from "@thaw/onnx/Tensor"
import * as Value from "@thaw/onnx/Value"
import * as Broadcast from "./Broadcast.ts"
import { GradientError } from "./Errors.ts"
import type { InputGradients, None } from "./Rule.ts"
import { rules } from "./Rules.ts"

/**
 * ∂loss/∂w for each wanted value w (weights, or any value in between), in its shape and data type; undefined where the
 * loss does not depend on it. `loss` has one element.
 *
 * The same values always give the same nodes: contributions to a gradient are added in the reverse of the order in
 * which the loss reaches their nodes (depth first, inputs from left to right).
 *
 * @throws GradientError when the loss is not one floating-point number or a wanted value has no floating-point elements.
 */
export const of = (loss: Value.Value, wanted: ReadonlyArray<Value.Value>): ReadonlyArray<Value.Value | undefined> => {
  if (!DataType.isFloat(loss.dtype) || Shape.size(loss.shape) !== 1) {
    const advice = "Reduce it with ReduceSum or ReduceMean first."
    throw new GradientError({
      where: "Gradient.of, loss",
      expected: "one floating-point number",
      got: Value.text(loss),
      advice,
    })
  }
  for (const value of wanted) {
    if (DataType.isFloat(value.dtype)) continue
    const got = Value.text(value)
    throw new GradientError({ where: "Gradient.of, wanted", expected: "floating-point elements", got, advice: "" })
  }

  const carriers = new Set(wanted.map(identity))
  const nodes = carryingNodes(loss, carriers)
  const sums = new Sums()
  if (carriers.has(identity(loss))) sums.add(loss, Value.constant(Tensor.full(loss.dtype, loss.shape.map(Number), 1)))

  const ones: Broadcast.Ones = new Map()
  for (const node of nodes.toReversed()) {
    const gradients = node.outputs.map((output) => sums.total(output))
    if (gradients.every((gradient) => gradient === undefined)) continue
    const contributions = inputGradients(node, gradients)
    for (const [index, input] of (node.inputs as ReadonlyArray<Value.Value | undefined>).entries()) {
      const contribution = contributions[index]
      if (input === undefined || contribution === undefined || !carriers.has(identity(input))) continue
      sums.add(input, shaped(node, index, contribution(), input, ones))
    }
  }
  return wanted.map((value) => sums.total(value))
}

/** What makes two values one: the name of an input, the tensor of an initializer, the output of a node. */
const identity = (value: Value.Value): unknown => {
  const { origin } = value
  return origin.kind === "input" ? `input ${origin.name}` : origin.kind === "initializer" ? origin.tensor : origin
}

/**
 * Nodes between something wanted and the loss, inputs before outputs; their outputs join the carriers. Depth first with
 * a stack of its own: graphs are deeper than the call stack.
 */
const carryingNodes = (loss: Value.Value, carriers: Set<unknown>): ReadonlyArray<Node> => {
  const carrying: Array<Node> = []
  const seen = new Set<Node>()
  const stack: Array<{ readonly node: Node; next: number }> = []
  const visit = (value: Value.Value | undefined): void => {
    if (value?.origin.kind !== "node" || seen.has(value.origin.node)) return
    seen.add(value.origin.node)
    stack.push({ node: value.origin.node, next: 0 })
  }
  visit(loss)
  while (stack.length > 0) {
    const top = stack.at(-1)!
    const inputs: ReadonlyArray<Value.Value | undefined> = top.node.inputs
    if (top.next < inputs.length) {
      visit(inputs[top.next++])
      continue
    }
    stack.pop()
    const reached = inputs.some((input) => input !== undefined && carriers.has(identity(input)))
    if (!reached || rules[top.node.operator]._tag === "None") continue
    carrying.push(top.node)
    // Integers and truth values do not change by small steps: nothing passes through them.
    for (const output of top.node.outputs) if (DataType.isFloat(output.dtype)) carriers.add(identity(output))
  }
  return carrying
}

/** The rule of the node's own operator. */
const inputGradients = (node: Node, gradients: ReadonlyArray<Value.Value | undefined>): InputGradients => {
  // A row of the table takes nodes of its own operator only; `node.operator` has just chosen it.
  const rule = rules[node.operator] as AnyRule
  return rule._tag === "None" ? [] : rule.gradients(node, gradients)
}

type AnyRule =
  | None
  | {
      readonly _tag: "Differentiable"
      readonly gradients: (node: Node, gradients: ReadonlyArray<Value.Value | undefined>) => InputGradients
    }

/** The contribution in the input's own shape. */
const shaped = (
  node: Node,
  index: number,
  contribution: Value.Value,
  input: Value.Value,
  ones: Broadcast.Ones,
): Value.Value => {
  if (contribution.dtype !== input.dtype || !Broadcast.fits(contribution.shape, input.shape)) {
    throw new GradientError({
      where: `Gradient.of, rule of ${node.operator}`,
      expected: `a gradient of ${Value.text(input)} for input ${index}`,
      got: Value.text(contribution),
      advice: "This is a mistake in Thaw: please report it.",
    })
  }
  return Broadcast.undo(contribution, input.shape, ones)
}

/** Contributions by value, added up when they are asked for; a gradient is named after its value. */
class Sums {
  readonly #contributions = new Map<unknown, { hint: string | undefined; terms: Array<Value.Value> }>()

  add(value: Value.Value, term: Value.Value): void {
    const hint = value.origin.kind === "node" ? value.hint : value.origin.name
    const entry = this.#contributions.get(identity(value))
    if (entry === undefined) {
      this.#contributions.set(identity(value), { hint, terms: [term] })
    } else {
      entry.hint ??= hint
      entry.terms.push(term)
    }
  }

  total(value: Value.Value): Value.Value | undefined {
    const entry = this.#contributions.get(identity(value))
    if (entry === undefined) return undefined
    const sum = entry.terms.reduce((total, term) => Op.Add(total, term))
    const total = entry.hint === undefined || sum.hint !== undefined ? sum : Value.named(sum, `gradient/${entry.hint}`)
    entry.terms = [total]
    return total
  }
}
