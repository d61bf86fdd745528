import * as NormalisedText from "@thaw/steps/NormalisedText"
import * as Clean from "@thaw/steps/Clean"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import * as Cleaning from "./cleaning.ts"

const world = Cleaning.make()
afterAll(world.dispose)

const row = (id: string, text: string, labels: Readonly<Record<string, string>> = {}) => ({ id, text, labels })
type Options = Omit<Parameters<typeof Clean.duplicates>[0], "examples">

const clean = async (rows: ReadonlyArray<Cleaning.Row>, options: Options = {}) => {
  const { rows: left, report } = await world.cleaned(Clean.duplicates({ examples: Cleaning.wired(rows), ...options }))
  return {
    left: Object.fromEntries(left.map(({ id, labels }) => [id, labels])),
    order: left.map(({ id }) => id),
    report,
  }
}

const divided = [
  row("a", "Rain again", { topic: "weather" }),
  row("b", "rain  AGAIN", { topic: "service" }),
  row("c", "RAIN again", { topic: "weather" }),
  row("d", "Sun", { topic: "weather" }),
  row("e", "sun", { topic: "service" }),
  row("f", "Wind", { mood: "good" }),
]

describe("Clean.duplicates", () => {
  it("keeps the first example with a text, with the labels that only its copies carry", async () => {
    const { left, report } = await clean([
      row("a", "Rain again", { topic: "weather" }),
      row("b", "sun", { topic: "weather" }),
      row("c", " rain AGAIN", { mood: "bad" }),
      row("d", "Ｒain again", { topic: "weather", mood: "bad" }),
    ])
    expect(left).toEqual({ a: { topic: "weather", mood: "bad" }, b: { topic: "weather" } })
    expect(report).toMatchObject({
      before: 4,
      after: 2,
      removed: [
        {
          why: "with the text of an earlier one",
          examples: 2,
          sample: [
            { id: "c", what: "the text of a" },
            { id: "d", what: "the text of a" },
          ],
        },
      ],
      changed: [{ why: "with a label that only a copy carries", sample: [{ id: "a", what: 'task "mood": "bad" 2×' }] }],
    })
  })

  it("takes texts for different when they are exactly compared and differ in case or white space", async () => {
    const rows = [row("a", "Rain"), row("b", "rain"), row("c", "rain"), row("d", "rain ")]
    expect((await clean(rows, { by: "exact" })).order).toEqual(["a", "b", "d"])
    expect((await clean(rows)).order).toEqual(["a"])
  })

  it("refuses copies that carry different labels, and names the first", async () => {
    expect(await world.refusal(Clean.duplicates({ examples: Cleaning.wired(divided) }))).toEqual([
      "InvalidData",
      'Clean.duplicates: expected equal texts to carry equal labels, got 2 with different ones, first "Rain again" (example a, task "topic": "weather" 2×, "service" 1×). Pass conflicts: "drop" to leave them out, or "majority" to keep what most say.',
    ])
  })

  it("leaves them out, or keeps what most say, when told so", async () => {
    const dropped = await clean(divided, { conflicts: "drop" })
    expect(dropped.order).toEqual(["f"])
    expect(dropped.report.removed).toMatchObject([{ why: "whose copies carry different labels", examples: 5 }])
    const decided = await clean(divided, { conflicts: "majority" })
    expect(decided.left).toEqual({ a: { topic: "weather" }, f: { mood: "good" } })
    expect(decided.report.removed).toMatchObject([
      { why: "whose copies agree on no label by majority", examples: 2, sample: [{ id: "d" }, { id: "e" }] },
      { why: "with the text of an earlier one", examples: 2 },
    ])
    expect(decided.report.changed).toEqual([
      {
        why: "with the label that most copies carry",
        examples: 1,
        sample: [{ id: "a", what: 'task "topic": "weather" 2×, "service" 1×' }],
      },
    ])
  })

  it("gives the first what most say, also where it said otherwise itself", async () => {
    const rows = [row("a", "x", { topic: "one" }), row("b", "x", { topic: "two" }), row("c", "x", { topic: "two" })]
    expect((await clean(rows, { conflicts: "majority" })).left).toEqual({ a: { topic: "two" } })
  })

  it("takes over tags that fit the tokens of the one that stays", async () => {
    const tasks = { labels: [], tags: ["thing"] }
    const rows = [
      { id: "a", tokens: ["New", "York"] },
      { id: "b", tokens: ["New York"], tags: { thing: ["B-loc"] } },
      { id: "c", tokens: ["new", "york"], tags: { thing: ["B-loc", "I-loc"] } },
    ]
    const { rows: left } = await world.cleaned(Clean.duplicates({ examples: Cleaning.wired(rows, tasks) }))
    expect(left.map(({ id, tags }) => [id, tags])).toEqual([["a", { thing: ["B-loc", "I-loc"] }]])
  })

  it("leaves every text once and loses none, unless its copies are at odds", async () => {
    const rows = fc.array(
      fc.record({
        text: fc.constantFrom("a", "A", "b", " b", "c", "d", "ｄ"),
        labels: fc.record({ topic: fc.constantFrom("x", "y"), mood: fc.constantFrom("u", "v") }, { requiredKeys: [] }),
      }),
      { minLength: 1, maxLength: 14 },
    )
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const all = [...given.map((each, at) => ({ id: `r${at}`, ...each })), row("z", "always there")]
        const { rows: left } = await world.cleaned(
          Clean.duplicates({ examples: Cleaning.wired(all), conflicts: "drop" }),
        )
        const groups = Map.groupBy(all, ({ text }) => NormalisedText.of(text))
        const wanted = [...groups.values()].flatMap((copies) => {
          const of = (task: "topic" | "mood") => new Set(copies.flatMap(({ labels }) => (labels as Record<string, string>)[task] ?? [])) // prettier-ignore
          const [topic, mood] = [of("topic"), of("mood")]
          if (topic.size > 1 || mood.size > 1) return []
          return [{ id: copies[0]!.id, labels: { ...(topic.size && { topic: [...topic][0] }), ...(mood.size && { mood: [...mood][0] }) } }] // prettier-ignore
        })
        expect(left.map(({ id, labels }) => ({ id, labels }))).toEqual(wanted)
      }),
      { numRuns: 60 },
    )
  })
})
