import * as Dataset from "@thaw/core/Dataset"
import * as Load from "@thaw/steps/Load"
import { describe, expect, it } from "vitest"
import { failure, outcome } from "../running.ts"

describe("Load.rows", () => {
  it("takes every role", async () => {
    const dataset = await outcome(
      Load.rows.run({
        rows: [
          { key: 1, q: "Why?", a: "Because.", topic: "x", all: ["a", "b"], stars: 3.5 },
          { key: 2, q: "How?", a: "", topic: null, all: [], stars: null },
        ],
        text: "q",
        pair: "a",
        label: "topic",
        labelSets: { emotions: "all" },
        score: "stars",
        id: "key",
      }),
    )
    expect([...Dataset.rowsOf(dataset)]).toEqual([
      { id: "1", origin: "1", text: "Why?", pair: "Because.", labels: { topic: "x" }, tags: {}, labelSets: { emotions: ["a", "b"] }, scores: { stars: 3.5 } }, // prettier-ignore
      { id: "2", origin: "2", text: "How?", pair: "", labels: {}, tags: {}, labelSets: { emotions: [] }, scores: {} },
    ])
    expect(Dataset.tasksOf(dataset)).toEqual({
      labels: ["topic"],
      tags: [],
      labelSets: ["emotions"],
      scores: ["stars"],
    })
  })

  it.each([
    [[], { text: "text" }, "Load.rows: expected at least one example, got none."],
    [[{ text: 3 }], { text: "text" }, 'Load.rows, row 1: expected a string in field "text", got 3.'],
    [[{ text: "a", stars: "many" }], { text: "text", score: "stars" }, 'Load.rows, row 1: expected a number in field "stars", got "many".'], // prettier-ignore
    [[{ text: "a" }], { text: "text", label: "b" }, 'Load.rows: expected rows with a field "b", got none. Known are "text".'], // prettier-ignore
    [[{ w: ["a"] }], { tokens: "w", pair: "w" }, 'Load.rows: expected either "text", with or without "pair", or "tokens" with or without "tags", got "pair", "tokens". Name the field that holds the words.'], // prettier-ignore
  ])("refuses %j with %j", async (rows, options, message) => {
    expect((await failure(Load.rows.run({ rows, ...options }))).message).toBe(message)
  })
})
