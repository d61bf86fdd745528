/** What each half of a block gives is added to what it read, and one of the two is normalised. */
import * as Op from "@thaw/onnx/Op"
import type { Value } from "@thaw/onnx/Value"

type Normalise = (x: Value) => Value

export interface Residual {
  /** What a half reads of x. */
  readonly before: (x: Value, normalise: Normalise) => Value
  /** From what a half gave, and x, to what the next reads. */
  readonly after: (given: Value, x: Value, normalise: Normalise) => Value
}

/** LN(f(x) + x), as in the first transformer (arXiv 1706.03762) and in BERT. */
export const normaliseAfter: Residual = {
  before: (x) => x,
  after: (given, x, normalise) => normalise(Op.Add(given, x)),
}

/** x + f(LN(x)) (Xiong et al. 2020, arXiv 2002.04745). */
export const normaliseBefore: Residual = {
  before: (x, normalise) => normalise(x),
  after: (given, x) => Op.Add(given, x),
}
