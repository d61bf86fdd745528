/** What the tests of all splits look at. */
import * as Dataset from "@thaw/core/Dataset"
import { RunEvents } from "@thaw/core/RunEvent"
import type * as Step from "@thaw/core/Step"
import * as NormalisedText from "@thaw/steps/NormalisedText"
import { Effect } from "effect"
import { expect } from "vitest"

export interface Row {
  readonly id: string
  readonly text: string
  readonly labels?: Readonly<Record<string, string>>
  readonly kept?: Readonly<Record<string, string>>
}

export const dataset = (rows: ReadonlyArray<Row>) =>
  Dataset.examples(
    rows.map((row) => ({ origin: row.id, labels: {}, tags: {}, kept: {}, ...row })),
    { labels: ["topic", "mood"], tags: [], kept: ["customer", "day"] },
  )

const parts = ["train", "validation", "test"] as const
export type Split = Readonly<Record<(typeof parts)[number], ReadonlyArray<Dataset.Example>>>

/** What a step gives when it runs outside a pipeline, with what it says meanwhile. */
export const run = async (result: Step.Awaitable<Dataset.Parts<(typeof parts)[number]>>) => {
  const notices: Array<string> = []
  const emit = (event: { readonly message?: string }) => Effect.sync(() => void notices.push(event.message ?? ""))
  const given = await Effect.runPromise(
    (result as Effect.Effect<Dataset.Parts<(typeof parts)[number]>>).pipe(
      Effect.provideService(RunEvents, { emit } as (typeof RunEvents)["Service"]),
    ),
  )
  const rows = Object.fromEntries(parts.map((part) => [part, [...Dataset.rowsOf(given[part])]])) as unknown as Split
  return { ...rows, notices }
}

export const placeOf = (split: Split): ReadonlyMap<string, string> =>
  new Map(parts.flatMap((part) => split[part].map(({ id }) => [id, part] as const)))

/** Every row in exactly one part, in the order given. */
export const expectPartition = (split: Split, rows: ReadonlyArray<Row>): void => {
  const order = new Map(rows.map(({ id }, at) => [id, at]))
  expect(parts.flatMap((part) => split[part].map(({ id }) => id)).sort()).toEqual(rows.map(({ id }) => id).sort())
  for (const part of parts) {
    const places = split[part].map(({ id }) => order.get(id)!)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  }
}

/** What `of` says of a row is in one part only. */
export const expectApart = (split: Split, of: (row: Dataset.Example) => string | undefined): void => {
  const sides = new Map<string, string>()
  for (const part of parts) {
    for (const row of split[part]) {
      const key = of(row)
      if (key === undefined) continue
      expect(sides.get(key) ?? part, key).toBe(part)
      sides.set(key, part)
    }
  }
}

export const text = NormalisedText.ofExample

/** Every label of the rows is in training. */
export const expectTrained = (split: Split, rows: ReadonlyArray<Row>): void => {
  for (const task of ["topic", "mood"]) {
    const of = (all: ReadonlyArray<Pick<Row, "labels">>) => new Set(all.flatMap(({ labels }) => labels?.[task] ?? []))
    expect(of(split.train)).toEqual(of(rows))
  }
}
