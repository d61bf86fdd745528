/**
 * The gradient of one operator: given a node and the gradients g of its outputs, the gradient of each input, which is
 * the product of g with the operator's Jacobian.
 *
 * A rule gives thunks, so that only the gradients somebody needs are made. An operand that was broadcast may get its
 * gradient in the broadcast shape: Gradient.of sums it back for all operators alike.
 */
import type { NodeOf, Outputs } from "@thaw/onnx/Node"
import type { OperatorName } from "@thaw/onnx/Operators"
import type { Value } from "@thaw/onnx/Value"

/** Gradients of the outputs; undefined where the loss does not depend on one. At least one is there. */
export type OutputGradients<N extends OperatorName> =
  Outputs<N> extends readonly [Value] ? readonly [Value] : Perhaps<Outputs<N>>

type Perhaps<Values> = { readonly [I in keyof Values]: Values[I] | undefined }

/** One for each input, in order; undefined for what has no gradient (indices, shapes, conditions). */
export type InputGradients = ReadonlyArray<(() => Value) | undefined>

export interface Differentiable<N extends OperatorName> {
  readonly _tag: "Differentiable"
  readonly gradients: (node: NodeOf<N>, outputGradients: OutputGradients<N>) => InputGradients
}

/** The operator passes no gradient on, and why. */
export interface None {
  readonly _tag: "None"
  readonly reason: string
}

export type Rule<N extends OperatorName> = Differentiable<N> | None

export const make = <N extends OperatorName>(gradients: Differentiable<N>["gradients"]): Differentiable<N> => ({
  _tag: "Differentiable",
  gradients,
})

export const none = (reason: string): None => ({ _tag: "None", reason })
