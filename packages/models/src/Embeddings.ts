/** From token ids to vectors: word + position (+ token type where the family has one), normalised. */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"
import type { Dimensions } from "./Dimensions.ts"
import * as Dropout from "./Dropout.ts"
import * as Group from "./Group.ts"
import type { Inputs } from "./Inputs.ts"
import * as LayerNorm from "./LayerNorm.ts"
import * as OneHot from "./OneHot.ts"
import type { Parameter, Weights } from "./Parameter.ts"

export interface Embeddings {
  readonly words: Parameter
  readonly positions: Parameter
  readonly types: Parameter | undefined
  readonly norm: LayerNorm.LayerNorm
}

/** @param prefix what upstream's names of the tables begin with, e.g. `bert.embeddings` */
export const make = (prefix: string, dimensions: Dimensions): Embeddings => {
  const { vocab, positions, types, hidden, epsilon, initializerRange } = dimensions
  const table = (name: string, rows: number): Parameter => ({
    name: `${prefix}.${name}.weight`,
    shape: [rows, hidden],
    group: Group.embeddings,
    decays: true,
    initial: { normal: initializerRange },
  })
  return {
    words: table("word_embeddings", vocab),
    positions: table("position_embeddings", positions),
    types: types === 0 ? undefined : table("token_type_embeddings", types),
    norm: LayerNorm.make(`${prefix}.LayerNorm`, Group.embeddings, { hidden, epsilon }),
  }
}

export const parameters = ({ words, positions, types, norm }: Embeddings): ReadonlyArray<Parameter> => [
  words,
  positions,
  ...(types === undefined ? [] : [types]),
  ...LayerNorm.parameters(norm),
]

/** @returns [batch*tokens, hidden] */
export const forward = (
  { words, positions, types, norm }: Embeddings,
  weights: Weights,
  { inputIds, tokenTypeIds }: Inputs,
  { hidden }: Dimensions,
  drop: Dropout.Drop = Dropout.none,
): Value.Value => {
  const word = Op.Gather(weights(words), inputIds, { axis: 0 })
  const position = Op.Gather(weights(positions), Op.Range(0, Extent.of(inputIds, 1)), { axis: 0 })
  const flat = Op.Reshape(Op.Add(word, position), [-1, hidden])
  const sum = types === undefined ? flat : Op.Gemm(OneHot.of(tokenTypeIds, types.shape[0]!), weights(types), flat)
  const dropped = drop(LayerNorm.forward(norm, weights, sum), { group: Group.embeddings, name: "sum", rate: "hidden" })
  return Value.named(dropped, "embeddings/hidden")
}
