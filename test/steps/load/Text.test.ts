import * as Dataset from "@thaw/core/Dataset"
import { text } from "@thaw/steps/load/Text"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { failure, file, outcome } from "../running.ts"

const load = async (content: string | Uint8Array, words?: number) => {
  const path = file("book.txt", content)
  const dataset = await outcome<Dataset.Examples>(
    text.run(words === undefined ? { path } : { path, words }) as Promise<Dataset.Examples>,
  )
  return [...Dataset.rowsOf(dataset)]
}
const texts = async (content: string, words?: number) => (await load(content, words)).map((row) => row.text)

describe("Load.text", () => {
  it("packs whole sentences into passages, wherever the file wraps its lines", async () => {
    const wrapped =
      "It was a fine day. The\nsun shone on\r\nthe hill!  Was it warm?\n\nA heading\n\nAnd then it rained."
    expect(await texts(wrapped, 9)).toEqual([
      "It was a fine day.",
      "The sun shone on the hill! Was it warm?",
      "A heading And then it rained.",
    ])
  })

  it("cuts a sentence that is longer than a passage, and keeps quotes with their sentence", async () => {
    expect(await texts("one two three four five six seven. “Yes.” He left.", 3)).toEqual([
      "one two three",
      "four five six",
      "seven. “Yes.”",
      "He left.",
    ])
  })

  it("says which file a passage is from, gives equal passages ids of their own, and knows no task", async () => {
    const rows = await load("The same words here.\n\nThe same words here.", 4)
    expect(rows.map(({ kept }) => kept)).toEqual([{ document: "./book.txt" }, { document: "./book.txt" }])
    expect(new Set(rows.map(({ id }) => id)).size).toBe(2)
    expect(rows[0]).toMatchObject({ labels: {}, tags: {} })
  })

  it("loses and adds no word, and makes no passage longer than it is told", async () => {
    const word = fc.stringMatching(/^[A-Za-z0-9.!?"'“”()-]{1,8}$/u)
    const space = fc.constantFrom(" ", "  ", "\n", "\n\n", "\t", "\r\n")
    const content = fc.array(fc.tuple(word, space), { minLength: 1, maxLength: 80 })
    await fc.assert(
      fc.asyncProperty(content, fc.integer({ min: 1, max: 12 }), async (parts, most) => {
        const passages = await texts(parts.flat().join(""), most)
        const words = passages.flatMap((passage) => passage!.split(" "))
        expect(words).toEqual(parts.map(([each]) => each))
        for (const passage of passages) expect(passage!.split(" ").length).toBeLessThanOrEqual(most)
      }),
      { numRuns: 100 },
    )
  })

  it("refuses what is no text, and a file with nothing in it", async () => {
    const broken = await failure(text.run({ path: file("broken.txt", Uint8Array.of(0x61, 0x0a, 0xff)) }))
    expect(broken.message).toBe(
      "./broken.txt, line 2: expected text in UTF-8, got the byte 0xFF at offset 2. Save the file as UTF-8.",
    )
    const empty = await failure(text.run({ path: file("empty.txt", " \n\n") }))
    expect(empty.message).toBe("./empty.txt: expected examples, got an empty file.")
  })
})
