/** What the arithmetic of an encoder needs to know, the same for every family; upstream's configs say it in many ways. */

export interface Dimensions {
  readonly blocks: number
  readonly hidden: number
  readonly heads: number
  /** hidden / heads */
  readonly headSize: number
  readonly intermediate: number
  readonly vocab: number
  /** Most tokens. */
  readonly positions: number
  /** Row of the first token in the table of positions; 0 where absent. */
  readonly firstPosition?: number
  /** Kinds of token (first and second text); 0 where the family has none. */
  readonly types: number
  /** Length of the embeddings' vectors; `hidden` where absent. */
  readonly embedding?: number
  readonly activation: Activation
  /** Of layer normalisation. */
  readonly epsilon: number
  /** Standard deviation of new weights. */
  readonly initializerRange: number
  /** How blocks know of positions, where they rotate queries and keys. */
  readonly rotary?: RotaryBlocks
}

/** Blocks that see all tokens and blocks that see near ones, each with angles of their own. */
export interface RotaryBlocks {
  /** One for each block, bottom to top. */
  readonly layerTypes: ReadonlyArray<LayerType>
  readonly thetas: Readonly<Record<LayerType, number>>
  /** How far a token of a sliding block sees to either side. */
  readonly reach: number
}

/** As upstream spells them. */
export const layerTypes = ["full_attention", "sliding_attention"] as const
export type LayerType = (typeof layerTypes)[number]

/** As upstream spells them. `gelu` is the exact one, `gelu_new` the tanh approximation. */
export const activations = ["gelu", "gelu_new", "relu"] as const
export type Activation = (typeof activations)[number]
