import * as Clean from "@thaw/steps/Clean"
import { afterAll, describe, expect, it } from "vitest"
import * as Cleaning from "./cleaning.ts"

const world = Cleaning.make()
afterAll(world.dispose)

const texts = ["one", " two words ", "three whole words", "👩🎉"]
const examples = Cleaning.wired(texts.map((text, at) => ({ id: `r${at}`, text })))

const left = async (options: Omit<Parameters<typeof Clean.length>[0], "examples">) => {
  const { rows, report } = await world.cleaned(Clean.length({ examples, ...options }))
  return { ids: rows.map(({ id }) => id), report }
}

describe("Clean.length", () => {
  it("counts words between white space and characters as code points, bounds included", async () => {
    expect((await left({ minWords: 2 })).ids).toEqual(["r1", "r2"])
    expect((await left({ maxWords: 2 })).ids).toEqual(["r0", "r1", "r3"])
    expect((await left({ minCharacters: 3, maxCharacters: 11 })).ids).toEqual(["r0", "r1"])
    expect((await left({ maxCharacters: 2 })).ids).toEqual(["r3"])
  })

  it("counts tokens as words", async () => {
    const tokens = Cleaning.wired([
      { id: "a", tokens: ["New York"] },
      { id: "b", tokens: ["x", "y"] },
    ])
    expect((await world.cleaned(Clean.length({ examples: tokens, minWords: 2 }))).rows.map(({ id }) => id)).toEqual([
      "b",
    ])
  })

  it("reports what it removed for which bound", async () => {
    expect((await left({ minWords: 2, maxWords: 2 })).report.removed).toEqual([
      {
        why: "fewer than 2 words",
        examples: 2,
        sample: [
          { id: "r0", what: "1 words" },
          { id: "r3", what: "1 words" },
        ],
      },
      { why: "more than 2 words", examples: 1, sample: [{ id: "r2", what: "3 words" }] },
    ])
  })

  it("refuses to go without bounds and bounds that cross", async () => {
    const expected = "expected a least or a most number of words or characters, the least not above the most"
    expect(await world.refusal(Clean.length({ examples }))).toEqual(["PipelineInvalid", `Clean.length: ${expected}, got none.`]) // prettier-ignore
    expect(await world.refusal(Clean.length({ examples, minWords: 3, maxWords: 2 }))).toEqual([
      "PipelineInvalid",
      `Clean.length: ${expected}, got 3 to 2 words.`,
    ])
  })
})
