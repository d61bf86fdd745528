import * as Clean from "@thaw/steps/Clean"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import * as Cleaning from "./cleaning.ts"

const world = Cleaning.make()
afterAll(world.dispose)

const tasks = { labels: ["topic"], tags: ["thing"] }
type Options = Omit<Parameters<typeof Clean.text>[0], "examples">

const texts = async (options: Options, ...given: ReadonlyArray<string>) => {
  const rows = given.map((text, at) => ({ id: `r${at}`, text }))
  const { rows: left, report } = await world.cleaned(Clean.text({ examples: Cleaning.wired(rows), ...options }))
  return { texts: left.map(({ text }) => text), report }
}

describe("Clean.text", () => {
  it("collapses white space, removes what nobody sees and composes letters, unless told otherwise", async () => {
    const given = [" a \t b\u00A0\u2003c\r\n", "soft\u00ADhyphen\u200B \u0000end\uFEFF", "cafe\u0301", "ﬁne", "plain"]
    expect((await texts({}, ...given)).texts).toEqual(["a b c", "softhyphen end", "café", "ﬁne", "plain"])
    expect((await texts({ form: "NFKC" }, ...given)).texts[3]).toBe("fine")
    const kept = await texts({ form: "NFC", whiteSpace: "keep", invisible: "keep" }, ...given)
    expect(kept.texts).toEqual([given[0], given[1], "café", "ﬁne", "plain"])
  })

  it("leaves joiners in place, which scripts and emoji are written with, and characters beyond the first plane", async () => {
    const given = ["👩\u200D💻 works", "می\u200Cخواهم", "𝒜 🎉"]
    expect((await texts({}, ...given)).texts).toEqual(given)
  })

  it("decodes references, or gives the text that a reader of the markup sees", async () => {
    const given = [
      "AT&amp;T &lt;3 &eacute;&#39;&#x1F389;",
      "<p>Rain<br>again</p><ul><li>a<li>b</ul><script>alert('x')</script>&amp;&nbsp;<b>wi</b>nd",
      "a < b and b > c, <3",
    ]
    expect((await texts({ html: "entities" }, ...given)).texts).toEqual([
      "AT&T <3 é'🎉",
      "<p>Rain<br>again</p><ul><li>a<li>b</ul><script>alert('x')</script>& <b>wi</b>nd",
      given[2],
    ])
    expect((await texts({ html: "text" }, ...given)).texts).toEqual(["AT&T <3 é'🎉", "Rain again a b & wind", given[2]])
  })

  it("reports which texts changed how, and removes those of which nothing is left", async () => {
    const { texts: left, report } = await texts({ html: "text" }, "ok", "<br>", "a  b", "<i>c</i>  d")
    expect(left).toEqual(["ok", "a b", "c d"])
    expect(report).toEqual({
      step: "Clean.text",
      before: 4,
      after: 3,
      removed: [{ why: "of which no text is left", examples: 1, sample: [{ id: "r1", what: '"<br>"' }] }],
      changed: [
        {
          why: "with white space collapsed",
          examples: 2,
          sample: [
            { id: "r2", what: '"a  b" → "a b"' },
            { id: "r3", what: '"c  d" → "c d"' },
          ],
        },
        { why: "with markup removed", examples: 1, sample: [{ id: "r3", what: '"<i>c</i>  d" → "c  d"' }] },
      ],
    })
    expect(world.events).toContainEqual({
      _tag: "noticed",
      step: "Clean.text",
      message:
        "removed 1 of 4 examples (1 of which no text is left), changed others (2 with white space collapsed, 1 with markup removed)",
    })
  })

  it("keeps tags one per token: where an entity loses its first token the next one begins it", async () => {
    const tokens = ["Ada", "\u200B", "Lovelace", "\u00AD", "Byron", "sang", " \u200B"]
    const row = { id: "r", tokens, tags: { thing: ["B-per", "I-per", "I-per", "B-per", "I-per", "O", "O"] } }
    const { rows } = await world.cleaned(Clean.text({ examples: Cleaning.wired([row], tasks) }))
    expect(rows[0]!.tokens).toEqual(["Ada", "Lovelace", "Byron", "sang"])
    expect(rows[0]!.tags).toEqual({ thing: ["B-per", "I-per", "B-per", "O"] })
  })

  it("leaves every sequence of tags valid, and no entity with more or other tokens than it had", async () => {
    const entity = fc.record({ type: fc.constantFrom("per", "org", "O"), tokens: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }) }) // prettier-ignore
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(entity, { maxLength: 5 }), { minLength: 1, maxLength: 6 }), async (given) => {
        const spans = given.map((row) => [{ type: "O", tokens: [true] }, ...row])
        const rows = spans.map((row, id) => ({
          id: `r${id}`,
          tokens: row.flatMap(({ tokens }, span) => tokens.map((kept, at) => (kept ? `w${span}.${at}` : "\u200B"))),
          tags: {
            thing: row.flatMap(({ type, tokens }) =>
              tokens.map((_, at) => (type === "O" ? "O" : `${at === 0 ? "B" : "I"}-${type}`)),
            ),
          },
        }))
        const { rows: left } = await world.cleaned(Clean.text({ examples: Cleaning.wired(rows, tasks) }))
        // The oracle begins every entity anew with the tokens that are left of it.
        const wanted = spans.map((row) =>
          row.flatMap(({ type, tokens }) =>
            tokens.filter(Boolean).map((_, at) => (type === "O" ? "O" : `${at === 0 ? "B" : "I"}-${type}`)),
          ),
        )
        expect(left.map(({ tags }) => tags["thing"])).toEqual(wanted)
        expect(left.map(({ tokens }) => tokens!.length)).toEqual(wanted.map(({ length }) => length))
      }),
      { numRuns: 40 },
    )
  })

  it("gives what it was given when there is nothing to clean", async () => {
    const examples = Cleaning.wired([{ id: "r", text: "plain" }])
    const { hashes } = await world.run({ examples, cleaned: Clean.text({ examples }).examples })
    expect(hashes.cleaned).toBe(hashes.examples)
  })

  it("takes training examples and gives training examples", async () => {
    const examples = Cleaning.training(Cleaning.wired([{ id: "r", text: "a  b" }]))
    const { rows } = await world.cleaned(Clean.text({ examples }))
    expect(rows.map(({ text }) => text)).toEqual(["a b"])
    expect((await world.run({ cleaned: Clean.text({ examples }).examples })).steps).toMatchObject({ halved: "cached" })
  })

  it("refuses markup in tokens, nothing to do, and a dataset of which nothing is left", async () => {
    const examples = Cleaning.wired([{ id: "r", tokens: ["<b>"] }], tasks)
    expect(await world.refusal(Clean.text({ examples, html: "text" }))).toEqual([
      "PipelineInvalid",
      'Clean.text, html: expected "entities" or "keep" for examples in tokens, since markup spans several, got "text".',
    ])
    const keep = "keep" as const
    expect(await world.refusal(Clean.text({ examples, form: keep, invisible: keep, whiteSpace: keep }))).toEqual([
      "PipelineInvalid",
      'Clean.text: expected something to clean, got only "keep".',
    ])
    const blank = Cleaning.wired([{ id: "r", text: "\u200B" }])
    expect(await world.refusal(Clean.text({ examples: blank }))).toEqual([
      "InvalidData",
      "Clean.text: expected at least one example to be left, got none of 1. 1 were removed: of which no text is left.",
    ])
  })
})
