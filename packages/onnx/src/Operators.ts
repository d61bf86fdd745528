/** The one table of operators; a total table over `OperatorName` beside it cannot forget one. */
import type { Attribute } from "./Attribute.ts"
import type * as Operator from "./Operator.ts"
import { comparison } from "./operators/Comparison.ts"
import { elementwise } from "./operators/Elementwise.ts"
import { indexing } from "./operators/Indexing.ts"
import { matrices } from "./operators/Matrix.ts"
import { normalisation } from "./operators/Normalisation.ts"
import { quantisation } from "./operators/Quantisation.ts"
import { reductions } from "./operators/Reduction.ts"
import { shaping } from "./operators/Shaping.ts"

export const operators = {
  ...elementwise,
  ...comparison,
  ...matrices,
  ...reductions,
  ...normalisation,
  ...shaping,
  ...indexing,
  ...quantisation,
} as const

export type Operators = typeof operators
export type OperatorName = keyof Operators

/** Every operator's name, in code-unit order. */
export const names = (Object.keys(operators) as Array<OperatorName>).sort()

/** The operator-set version that graphs declare for each domain (onnx/docs/Versioning.md: ONNX 1.15). */
export const versions: Readonly<Record<Operator.Domain, number>> = { "": 20, "com.microsoft": 1 }

/** All attributes of an operator, defaults filled in. */
export type Attributes<N extends OperatorName> = Operator.AttributesOf<Operators[N]["attributes"]>

type Kinds<N extends OperatorName> = Operators[N]["attributes"]
type Needed<N extends OperatorName> = {
  [K in keyof Kinds<N>]: Kinds<N>[K] extends Attribute<infer _, undefined> ? K : never
}[keyof Kinds<N>]

/** The attributes as an author writes them: those with a default may be left out. */
export type Options<N extends OperatorName> = Pick<Attributes<N>, Needed<N>> & {
  readonly [K in Exclude<keyof Kinds<N>, Needed<N>>]?: Attributes<N>[K] | undefined
}
