import * as Problem from "@thaw/core/Problem"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

describe("the sentence", () => {
  const problem = { where: "a.csv, line 3", expected: "4 columns", got: "3", advice: "" }
  it("has place, expectation and what came", () => {
    expect(Problem.sentence(problem)).toBe("a.csv, line 3: expected 4 columns, got 3.")
  })
  it("ends with advice where there is any", () => {
    expect(Problem.sentence({ ...problem, advice: "Quote the comma." })).toBe(
      "a.csv, line 3: expected 4 columns, got 3. Quote the comma.",
    )
  })
})

describe("near misses", () => {
  const names = ["learningRate", "freeze", "tasks", "mix", "seed", "batch", "epochs", "train", "validation"]
  it.each([
    ["learningrate", ["learningRate"]],
    ["learnigRate", ["learningRate"]],
    ["rate", ["learningRate"]],
    ["fereze", ["freeze"]],
    ["epoch", ["epochs"]],
    ["TRAIN", ["train"]],
    ["mx", ["mix"]],
    ["valid", ["validation"]],
    ["", []],
    ["q", []],
    ["somethingElse", []],
  ])("of %j are %j", (name, near) => {
    expect(Problem.nearest(name, names)).toEqual(near)
  })

  it("come nearest first, each once, and never more than asked for", () => {
    expect(Problem.nearest("block.1", ["block.11", "block.2", "block.3", "block.2", "black"], 2)).toEqual([
      "block.11",
      "block.2",
    ])
  })

  it("find every name that one letter is missing from, added to or changed in", () => {
    const word = fc.string({ minLength: 4, maxLength: 12, unit: fc.constantFrom("a", "b", "c", "d", "e") })
    fc.assert(
      fc.property(word, fc.nat(), fc.constantFrom("", "x", "xy"), (name, at, put) => {
        const place = at % name.length
        const misspelt = name.slice(0, place) + put + name.slice(place + 1)
        expect(Problem.nearest(misspelt, ["zzzzzzzzzzzzzzzz", name])).toEqual([name])
      }),
    )
  })

  it("are suggested, or else everything there is", () => {
    expect(Problem.suggestion("seeds", names)).toBe('Did you mean "seed"?')
    expect(Problem.suggestion("quux", ["a", "b"])).toBe('Known are "a", "b".')
    expect(Problem.suggestion("", ["a", "b"])).toBe('Known are "a", "b".')
    expect(Problem.suggestion("quux", [])).toBe("There are none.")
  })
})

describe("values in messages", () => {
  it("are JSON, shortened, and never throw", () => {
    const circular: { self?: unknown } = {}
    circular.self = circular
    expect(Problem.shown({ a: [1, "b"] })).toBe('{"a":[1,"b"]}')
    expect([undefined, () => 1, NaN, 3n, null].map(Problem.shown)).toEqual([
      "nothing",
      "a function",
      "NaN",
      "3n",
      "null",
    ])
    expect(Problem.shown("x".repeat(100))).toHaveLength(78)
    fc.assert(fc.property(fc.anything(), (value) => Problem.shown(value).length <= 80))
    expect(Problem.shown(circular)).toContain("Circular")
  })

  it("are listed up to a number", () => {
    expect(Problem.list(["a", 'b"'], 2)).toBe('"a", "b\\""')
    expect(Problem.list(["a", "b", "c"], 2)).toBe('"a", "b" and 1 more')
  })
})
