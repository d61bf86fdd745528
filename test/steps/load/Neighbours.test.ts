import * as Dataset from "@thaw/core/Dataset"
import { neighbours } from "@thaw/steps/load/Neighbours"
import { text } from "@thaw/steps/load/Text"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"

type Step = typeof text | typeof neighbours
const rowsOf = async (step: Step, content: string, words: number) => {
  const dataset = await outcome<Dataset.Examples>(
    step.run({ path: file("book.txt", content), words }) as Promise<Dataset.Examples>,
  )
  return [...Dataset.rowsOf(dataset)]
}

describe("Load.neighbours", () => {
  it("pairs each passage with the next, and leaves a last one without a neighbour out", async () => {
    const rows = await rowsOf(neighbours, "One two. Three four. Five six. Seven eight. Nine ten.", 2)
    expect(rows.map((row) => [row.text, row.pair])).toEqual([
      ["One two.", "Three four."],
      ["Five six.", "Seven eight."],
    ])
    expect(rows.map(({ kept }) => kept)).toEqual([{ document: "./book.txt" }, { document: "./book.txt" }])
  })

  it("has the passages of Load.text, in their order and none twice", async () => {
    const word = fc.stringMatching(/^[A-Za-z0-9.!?]{1,6}$/u)
    const contents = fc.array(fc.tuple(word, fc.constantFrom(" ", "\n", "\n\n")), { minLength: 8, maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(contents, fc.integer({ min: 1, max: 4 }), async (parts, words) => {
        const content = parts.flat().join("")
        const passages = (await rowsOf(text, content, words)).map((row) => row.text)
        const pairs = (await rowsOf(neighbours, content, words)).flatMap((row) => [row.text, row.pair])
        expect(pairs).toEqual(passages.slice(0, 2 * Math.floor(passages.length / 2)))
      }),
      { numRuns: 100 },
    )
  })

  it("refuses a text of one passage", async () => {
    const error = await failure(neighbours.run({ path: file("short.txt", "Only this."), words: 24 }))
    expect(error.message).toBe("./short.txt: expected at least one example, got none.")
  })
})
