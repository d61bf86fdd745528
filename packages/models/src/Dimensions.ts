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
  /** Kinds of token (first and second text); 0 where the family has none. */
  readonly types: number
  readonly activation: Activation
  /** Of layer normalisation. */
  readonly epsilon: number
  /** Standard deviation of new weights. */
  readonly initializerRange: number
}

/** As upstream spells them. `gelu` is the exact one, `gelu_new` the tanh approximation. */
export const activations = ["gelu", "gelu_new", "relu"] as const
export type Activation = (typeof activations)[number]
