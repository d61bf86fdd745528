/**
 * The length of one axis: a number, or a name such as `"batch"` for a length that is known only when the graph runs.
 *
 * A name may be a product, `"batch*tokens"` or `"8*batch"`, which is what flattening two axes gives. So a dimension is a
 * monomial, coefficient × names, and lengths multiply and divide exactly; equal names always mean equal lengths.
 * Products are kept in one spelling (coefficient first, names in code-unit order), so equality is `===`.
 */

export type Dimension = number | string

interface Monomial {
  readonly coefficient: number
  readonly names: ReadonlyArray<string>
}

const monomial = (dimension: Dimension): Monomial => {
  if (typeof dimension === "number") return { coefficient: dimension, names: [] }
  const names: Array<string> = []
  let coefficient = 1
  for (const factor of dimension.split("*")) {
    const word = factor.trim()
    if (/^\d+$/.test(word)) coefficient *= Number(word)
    else names.push(word)
  }
  return { coefficient, names: names.sort() }
}

const dimension = ({ coefficient, names }: Monomial): Dimension =>
  names.length === 0 || coefficient === 0
    ? coefficient
    : [...(coefficient === 1 ? [] : [String(coefficient)]), ...names].join("*")

/** The one spelling of a dimension: `"tokens*batch"` becomes `"batch*tokens"`. */
export const canonical = (value: Dimension): Dimension => dimension(monomial(value))

/** Whether this is a length (a whole number from 0), a name, or a product of them. */
export const isValid = (value: Dimension): boolean =>
  typeof value === "number"
    ? Number.isSafeInteger(value) && value >= 0
    : value.split("*").every((factor) => /^\s*(\d+|[A-Za-z_][\w.]*)\s*$/.test(factor))

/** The number of elements along all these axes together. */
export const product = (dimensions: Iterable<Dimension>): Dimension => {
  let coefficient = 1
  const names: Array<string> = []
  for (const each of dimensions) {
    const factor = monomial(each)
    coefficient *= factor.coefficient
    names.push(...factor.names)
  }
  return dimension({ coefficient, names: names.sort() })
}

/** `whole / part` when it is exact for every value of the names, else undefined. */
export const quotient = (whole: Dimension, part: Dimension): Dimension | undefined => {
  const dividend = monomial(whole)
  const divisor = monomial(part)
  if (divisor.coefficient === 0 || dividend.coefficient % divisor.coefficient !== 0) return undefined
  const names = [...dividend.names]
  for (const name of divisor.names) {
    const at = names.indexOf(name)
    if (at < 0) return undefined
    names.splice(at, 1)
  }
  return dimension({ coefficient: dividend.coefficient / divisor.coefficient, names })
}

/** The length two axes broadcast to (equal, or one of them is 1), else undefined. */
export const broadcast = (a: Dimension, b: Dimension): Dimension | undefined =>
  a === b || b === 1 ? a : a === 1 ? b : undefined

/** The length with its names replaced by numbers; a name without a number is left. */
export const bind = (value: Dimension, lengths: Readonly<Record<string, number>>): Dimension => {
  const { coefficient, names } = monomial(value)
  return product([coefficient, ...names.map((name) => lengths[name] ?? name)])
}
