import * as Clean from "@thaw/steps/Clean"
import fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import * as Cleaning from "./cleaning.ts"

const world = Cleaning.make()
afterAll(world.dispose)

type Options = Omit<Parameters<typeof Clean.labels>[0], "examples" | "task">

const rows = [
  { id: "a", text: "a", labels: { topic: "bill" } },
  { id: "b", text: "b", labels: { topic: "login", mood: "good" } },
  { id: "c", text: "c", labels: { topic: "password" } },
  { id: "d", text: "d", labels: { topic: "spam", mood: "bad" } },
  { id: "e", text: "e", labels: { topic: "spam" } },
  { id: "f", text: "f", labels: { mood: "good" } },
]
const examples = Cleaning.wired(rows)
const on = (options: Options, task = "topic") => Clean.labels({ examples, task, ...options })

describe("Clean.labels", () => {
  it("renames, merges and drops; without any label left an example goes", async () => {
    const { rows: left, report } = await world.cleaned(
      on({ rename: { bill: "billing" }, merge: { account: ["login", "password"] }, drop: ["spam"] }),
    )
    expect(left.map(({ id, labels }) => [id, labels])).toEqual([
      ["a", { topic: "billing" }],
      ["b", { topic: "account", mood: "good" }],
      ["c", { topic: "account" }],
      ["d", { mood: "bad" }],
      ["f", { mood: "good" }],
    ])
    expect(report.removed).toEqual([
      { why: 'without a label once "spam" is dropped', examples: 1, sample: [{ id: "e", what: "spam" }] },
    ])
    expect(report.changed.map(({ why, examples: count }) => [why, count])).toEqual([
      ['"bill" → "billing"', 1],
      ['"login" → "account"', 1],
      ['"password" → "account"', 1],
      ['lost the label "spam"', 1],
    ])
  })

  it("merges into a label that there is, and may exchange two names", async () => {
    const merged = await world.cleaned(on({ merge: { spam: ["bill"] } }))
    expect(merged.rows.map(({ labels }) => labels["topic"])).toEqual(["spam", "login", "password", "spam", "spam", undefined]) // prettier-ignore
    const swapped = await world.cleaned(on({ rename: { bill: "spam", spam: "bill" } }))
    expect(swapped.rows.map(({ labels }) => labels["topic"])).toEqual(["spam", "login", "password", "bill", "bill", undefined]) // prettier-ignore
  })

  it.each<[string, Options, string | undefined, ReadonlyArray<string>]>([
    ["a label that does not occur", { rename: { bil: "x" } }, undefined, ["InvalidData", 'Clean.labels, task topic: expected a label that occurs, got "bil". Did you mean "bill"?']], // prettier-ignore
    ["a task that there is not", { drop: ["x"] }, "topics", ["InvalidData", 'Clean.labels, task topics: expected examples with labels for task "topics", got examples with labels for "topic", "mood". Did you mean "topic"?']], // prettier-ignore
    ["a label named twice", { rename: { bill: "x" }, drop: ["bill"] }, undefined, ["PipelineInvalid", 'Clean.labels, task topic: expected every label to be named once, got "bill" twice.']], // prettier-ignore
    ["a renaming that merges", { rename: { bill: "spam" } }, undefined, ["PipelineInvalid", 'Clean.labels, task topic: expected a name of its own for "bill", got "spam", which another label has. Write merge: { "spam": ["bill"] } to make them one.']], // prettier-ignore
    ["a name that is none", { rename: { bill: " " } }, undefined, ["PipelineInvalid", 'Clean.labels, task topic: expected a name for "bill", got " ".']], // prettier-ignore
    ["nothing to do", {}, undefined, ["PipelineInvalid", "Clean.labels, task topic: expected labels to rename, merge or drop, got none."]], // prettier-ignore
    ["all labels dropped", { drop: ["good", "bad"] }, "mood", ["PipelineInvalid", "Clean.labels, task mood: expected a label to be left, got all 2 dropped."]], // prettier-ignore
  ])("refuses %s", async (_, options, task, told) => {
    expect(await world.refusal(on(options, task))).toEqual(told)
  })

  it("renames, merges and drops the types of tags; sequences stay valid", async () => {
    const sequence = fc
      .array(fc.record({ type: fc.constantFrom("per", "org", "loc", "O"), length: fc.integer({ min: 1, max: 3 }) }))
      .map((spans) =>
        spans.flatMap(({ type, length }) =>
          Array.from({ length }, (_, at) => (type === "O" ? "O" : `${at === 0 ? "B" : "I"}-${type}`)),
        ),
      )
    const all = ["B-per", "B-org", "B-loc", "O"]
    await fc.assert(
      fc.asyncProperty(fc.array(sequence, { maxLength: 5 }), async (given) => {
        const tagged = [...given, all].map((tags, at) => ({ id: `r${at}`, tokens: ["x", ...tags], tags: { thing: ["O", ...tags] } })) // prettier-ignore
        const wired = Cleaning.wired(tagged, { labels: [], tags: ["thing"] })
        const { rows: left } = await world.cleaned(
          Clean.labels({ examples: wired, task: "thing", merge: { name: ["per", "org"] }, drop: ["loc"] }),
        )
        const wanted = tagged.map(({ tags }) =>
          tags.thing.map((tag) => (tag.endsWith("-loc") ? "O" : tag.replace(/-(per|org)$/, "-name"))),
        )
        expect(left.map(({ tags }) => tags["thing"])).toEqual(wanted)
        for (const tags of wanted) {
          tags.forEach((tag, at) => {
            if (tag.startsWith("I-")) expect(tags[at - 1]).toMatch(new RegExp(`^[BI]-${tag.slice(2)}$`))
          })
        }
      }),
      { numRuns: 30 },
    )
  })

  it("knows tags by their types", async () => {
    const tagged = Cleaning.wired([{ id: "r", tokens: ["x"], tags: { thing: ["B-person"] } }], { labels: [], tags: ["thing"] }) // prettier-ignore
    expect(await world.refusal(Clean.labels({ examples: tagged, task: "thing", drop: ["B-persn"] }))).toEqual([
      "InvalidData",
      'Clean.labels, task thing: expected a label that occurs, got "B-persn". Known are "person".',
    ])
  })
})
