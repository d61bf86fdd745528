/** The one table of gradients. It is total: an operator without a rule, or an explicit "no gradient", does not compile. */
import type { OperatorName } from "@thaw/onnx/Operators"
import type { Rule } from "./Rule.ts"
import { comparison } from "./rules/Comparison.ts"
import { elementwise } from "./rules/Elementwise.ts"
import { indexing } from "./rules/Indexing.ts"
import { matrices } from "./rules/Matrix.ts"
import { normalisation } from "./rules/Normalisation.ts"
import { quantisation } from "./rules/Quantisation.ts"
import { reductions } from "./rules/Reduction.ts"
import { shaping } from "./rules/Shaping.ts"

export const rules = {
  ...elementwise,
  ...comparison,
  ...matrices,
  ...reductions,
  ...normalisation,
  ...shaping,
  ...indexing,
  ...quantisation,
} as const satisfies { readonly [N in OperatorName]: Rule<N> }
