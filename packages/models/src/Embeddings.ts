/**
 * From token ids to vectors: word (+ position and token type where the family has them), normalised, and brought to the
 * blocks' length where theirs is another.
 */
import * as Extent from "@thaw/onnx/Extent"
import * as Op from "@thaw/onnx/Op"
import * as Value from "@thaw/onnx/Value"
import type { Dimensions } from "./Dimensions.ts"
import * as Dropout from "./Dropout.ts"
import * as Group from "./Group.ts"
import type { Inputs } from "./Inputs.ts"
import * as LayerNorm from "./LayerNorm.ts"
import * as Linear from "./Linear.ts"
import * as OneHot from "./OneHot.ts"
import type { Parameter, Weights } from "./Parameter.ts"

export interface Embeddings {
  readonly words: Parameter
  readonly positions: Positions | undefined
  readonly types: Parameter | undefined
  readonly norm: LayerNorm.LayerNorm
  /** Where vectors are not as long as the blocks' own. */
  readonly project: Linear.Linear | undefined
}

/** A table of positions. */
export interface Positions {
  readonly table: Parameter
  /** Row of the first token. */
  readonly first: number
}

/** @param prefix what upstream's names of the tables begin with, e.g. `bert.embeddings` */
export const make = (prefix: string, dimensions: Dimensions): Embeddings => {
  const { vocab, positions, firstPosition: first = 0, types, epsilon } = dimensions
  const of = (name: string, rows: number) => table(`${prefix}.${name}`, rows, dimensions)
  return {
    words: of("word_embeddings", vocab),
    positions: { table: of("position_embeddings", first + positions), first },
    types: types === 0 ? undefined : of("token_type_embeddings", types),
    norm: LayerNorm.make(`${prefix}.LayerNorm`, Group.embeddings, { hidden: lengthOf(dimensions), epsilon }),
    project: undefined,
  }
}

const lengthOf = ({ hidden, embedding }: Dimensions): number => embedding ?? hidden

/** A table of the embeddings' vectors. */
export const table = (name: string, rows: number, dimensions: Dimensions): Parameter => ({
  name: `${name}.weight`,
  shape: [rows, lengthOf(dimensions)],
  group: Group.embeddings,
  decays: true,
  initial: { normal: dimensions.initializerRange },
})

export const parameters = ({ words, positions, types, norm, project }: Embeddings): ReadonlyArray<Parameter> => [
  words,
  ...(positions === undefined ? [] : [positions.table]),
  ...(types === undefined ? [] : [types]),
  ...LayerNorm.parameters(norm),
  ...(project === undefined ? [] : Linear.parameters(project)),
]

/** @returns [batch*tokens, hidden] */
export const forward = (
  { words, positions, types, norm, project }: Embeddings,
  weights: Weights,
  { inputIds, tokenTypeIds }: Inputs,
  dimensions: Dimensions,
  drop: Dropout.Drop = Dropout.none,
): Value.Value => {
  const word = Op.Gather(weights(words), inputIds, { axis: 0 })
  const placed = positions === undefined ? word : Op.Add(word, positionsOf(positions, weights, Extent.of(inputIds, 1)))
  const flat = Op.Reshape(placed, [-1, lengthOf(dimensions)])
  const sum = types === undefined ? flat : withTypes(flat, types, weights, tokenTypeIds)
  const dropped = drop(LayerNorm.forward(norm, weights, sum), { group: Group.embeddings, name: "sum", rate: "hidden" })
  const projected = project === undefined ? dropped : Linear.forward(project, weights, dropped)
  return Value.named(projected, "embeddings/hidden")
}

/** Of a single type every token is, whatever the tokenizer says. */
const withTypes = (flat: Value.Value, types: Parameter, weights: Weights, tokenTypeIds: Value.Value): Value.Value => {
  const rows = types.shape[0]!
  return rows === 1 ? Op.Add(flat, weights(types)) : Op.Gemm(OneHot.of(tokenTypeIds, rows), weights(types), flat)
}

/** [tokens, length] */
const positionsOf = ({ table, first }: Positions, weights: Weights, tokens: Extent.Extent): Value.Value => {
  const places = Op.Range(0, tokens)
  return Op.Gather(weights(table), first === 0 ? places : Op.Add(Op.Cast(places, "int32"), first), { axis: 0 })
}
