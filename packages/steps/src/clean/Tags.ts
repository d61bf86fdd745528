/** Tag sequences that stay valid: an entity begins with B- and goes on with I- of its type. */

/** Type of an entity tag: `per` of `B-per`; a tag of another form is its own type. */
export const typeOf = (tag: string): string => /^[BI]-(.+)$/su.exec(tag)?.[1] ?? tag

/** The tag with another type; `O` with none. */
export const withType = (tag: string, type: string | undefined): string =>
  type === undefined ? "O" : tag === typeOf(tag) ? type : tag.slice(0, 2) + type

/** Tags of the tokens that are kept. Where an entity loses its first token the next one begins it. */
export const kept = (tags: ReadonlyArray<string>, isKept: (at: number) => boolean): ReadonlyArray<string> => {
  let beginning = false
  return tags.flatMap((tag, at) => {
    const begins = tag.startsWith("B-") || (beginning && tag.startsWith("I-"))
    beginning = begins && !isKept(at)
    if (!isKept(at)) return []
    return [begins ? `B-${tag.slice(2)}` : tag]
  })
}
