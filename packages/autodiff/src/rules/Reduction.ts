/** Gradients of reductions; y is the output, g its gradient, N the number of elements that became one. */
import type { NodeOf } from "@thaw/onnx/Node"
import * as Op from "@thaw/onnx/Op"
import * as Shape from "@thaw/onnx/Shape"
import * as Type from "@thaw/onnx/Type"
import type { Value } from "@thaw/onnx/Value"
import * as Count from "../Count.ts"
import * as Rule from "../Rule.ts"

type Reduction = NodeOf<"ReduceMax"> | NodeOf<"ReduceMean"> | NodeOf<"ReduceSum">

/** The reduced axes, from 0. */
const reduced = ({ inputs: [x, axes] }: Reduction): ReadonlyArray<number> => {
  const all = x.shape.map((_, axis) => axis)
  return axes === undefined ? all : (Shape.axes(x.shape.length, Type.knownNumbers(axes) ?? all) ?? all)
}

/** A value of the output's shape with length 1 where axes were dropped, so that it broadcasts over the input. */
const kept = (node: Reduction, value: Value): Value => {
  const axes = reduced(node)
  return node.attributes.keepdims === 1 || axes.length === 0 ? value : Op.Unsqueeze(value, { axes })
}

export const reductions = {
  // ∂x = g / (number of maxima) where x is the maximum, else 0: equal maxima share (as PyTorch's amax does)
  ReduceMax: Rule.make<"ReduceMax">((node, [g]) => [
    () => {
      const x = node.inputs[0]
      const isMaximum = Op.Cast(Op.Equal(x, kept(node, node.outputs[0])), x.dtype)
      const share = Op.Div(kept(node, g), Op.ReduceSum(isMaximum, { axes: reduced(node) }))
      return Op.Mul(isMaximum, share)
    },
  ]),
  // ∂x = g / N, everywhere
  ReduceMean: Rule.make<"ReduceMean">((node, [g]) => [
    () => {
      const x = node.inputs[0]
      return Op.ExpandLike(kept(node, Op.Div(g, Count.along(x, reduced(node)))), x)
    },
  ]),
  // ∂x = g, everywhere
  ReduceSum: Rule.make<"ReduceSum">((node, [g]) => [() => Op.ExpandLike(kept(node, g), node.inputs[0])]),
}
