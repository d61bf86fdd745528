/** What a cleaning step removed and changed: how many examples for which reason, and which the first of them were. */
import * as Artifact from "@thaw/core/Artifact"
import { Schema } from "effect"

const Entry = Schema.Struct({
  why: Schema.String,
  examples: Schema.Int,
  /** The first of them, in the order of the rows. */
  sample: Schema.Array(Schema.Struct({ id: Schema.String, what: Schema.String })),
})
export type Entry = typeof Entry.Type

export const Report = Schema.Struct({
  step: Schema.String,
  before: Schema.Int,
  after: Schema.Int,
  /** Most frequent reason first; an example is removed for one reason. */
  removed: Schema.Array(Entry),
  /** The same of examples that stay; one may be changed for several reasons. */
  changed: Schema.Array(Entry),
})
export type Report = typeof Report.Type

export const kind = Artifact.json("cleaning", Report)

/** Examples that a report names for each reason. */
const mostNamed = 5
/** A tally of reasons that keeps the first examples of each. */
export const tally = () => {
  const entries = new Map<string, { examples: number; sample: Array<Entry["sample"][number]> }>()
  return {
    add: (why: string, id: string, what: () => string): void => {
      const entry = entries.get(why) ?? { examples: 0, sample: [] }
      entries.set(why, entry)
      entry.examples++
      if (entry.sample.length < mostNamed) entry.sample.push({ id, what: what() })
    },
    entries: (): ReadonlyArray<Entry> =>
      [...entries]
        .map(([why, entry]) => ({ why, ...entry }))
        .sort((a, b) => b.examples - a.examples || (a.why < b.why ? -1 : 1)),
  }
}

/** In one line: `removed 12 of 2,000 (9 …, 3 …), changed 4 (4 …)`. */
export const sentence = ({ before, after, removed, changed }: Report): string => {
  const reasons = (entries: ReadonlyArray<Entry>) => entries.map(({ why, examples }) => `${examples} ${why}`).join(", ")
  return [
    before === after
      ? `removed none of ${before} examples`
      : `removed ${before - after} of ${before} examples (${reasons(removed)})`,
    ...(changed.length === 0 ? [] : [`changed others (${reasons(changed)})`]),
  ].join(", ")
}
