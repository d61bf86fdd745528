/** A figure about a phase that has not run: known to some degree, or unknown until some step has run. */

export type Estimate<A = number> = { readonly _tag: "Known"; readonly value: A; readonly degree: Degree } | Unknown

export interface Unknown {
  readonly _tag: "Unknown"
  readonly until: string
}

/** What the value is of the true figure: equal, near it, its upper or its lower bound. */
export type Degree = "exact" | "about" | "atMost" | "atLeast"

export const exact = (value: number): Estimate => ({ _tag: "Known", value, degree: "exact" })
export const known = <A>(value: A, degree: Degree): Estimate<A> => ({ _tag: "Known", value, degree })

/** @param until the step that would tell */
export const unknown = (until: string): Unknown => ({ _tag: "Unknown", until })

/** Degree of a figure that grows with both. */
const joined = (a: Degree, b: Degree): Degree => (a === b || b === "exact" ? a : a === "exact" ? b : "about")

/** A figure that grows with each of the others. Unknown where one of them is. */
export const all = <const E extends ReadonlyArray<Estimate>>(
  estimates: E,
  of: (...values: { readonly [K in keyof E]: number }) => number,
): Estimate => {
  const missing = estimates.find((each) => each._tag === "Unknown")
  if (missing !== undefined) return missing
  const parts = estimates as ReadonlyArray<Extract<Estimate, { readonly _tag: "Known" }>>
  const values = parts.map(({ value }) => value) as unknown as { readonly [K in keyof E]: number }
  return known(
    of(...values),
    parts.reduce<Degree>((degree, part) => joined(degree, part.degree), "exact"),
  )
}

export const sum = (estimates: ReadonlyArray<Estimate>): Estimate =>
  all(estimates, (...values) => values.reduce((total, value) => total + value, 0))
