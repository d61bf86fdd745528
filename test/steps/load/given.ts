/** Rows that loaders are given, as examples to be read back. */
import fc from "fast-check"

export interface Given {
  readonly id: string
  readonly origin: string
  readonly text: string
  readonly pair: string
  readonly labels: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, never>>
  readonly labelSets: Readonly<Record<string, ReadonlyArray<string>>>
  readonly scores: Readonly<Record<string, number>>
}

const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 8 })
const text = word.filter((each) => each.normalize("NFKC").trim() !== "" && !each.includes("\0"))
/** Labels lose the white space around them. */
const label = text.map((each) => each.trim()).filter((each) => each !== "")
const optional = <A>(of: fc.Arbitrary<A>) => fc.option(of, { nil: undefined })

const present = <A>(task: string, value: A | undefined): Readonly<Record<string, A>> =>
  value === undefined ? {} : { [task]: value }

export const rows: fc.Arbitrary<ReadonlyArray<Given>> = fc
  .array(
    fc.record({
      text,
      pair: word,
      mood: optional(label),
      emotions: optional(fc.array(label, { maxLength: 3 })),
      stars: optional(fc.double({ noNaN: true, noDefaultInfinity: true })),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((given) =>
    given.map(({ text: first, pair, mood, emotions, stars }, at) => ({
      id: `r${at}`,
      origin: `r${at}`,
      text: first,
      pair,
      labels: present("mood", mood),
      tags: {},
      labelSets: present("emotions", emotions),
      scores: present("stars", stars),
    })),
  )
