import * as Dataset from "@thaw/core/Dataset"
import * as Overlap from "@thaw/steps/Overlap"
import { describe, expect, it } from "vitest"

const dataset = (prefix: string, texts: ReadonlyArray<string>) =>
  Dataset.examples(
    texts.map((text, at) => ({ id: `${prefix}${at}`, origin: `${prefix}${at}`, text, labels: {}, tags: {} })),
    { labels: [], tags: [] },
  )

describe("Overlap.between", () => {
  it("counts held-out texts that training has, whatever their case, width and white space", () => {
    const train = dataset("t", ["Rain again", "Sun"])
    const heldOut = dataset("h", ["Wind", "rain\u00A0 AGAIN ", "Ｒain again", "Sunny"])
    expect(Overlap.between(train, heldOut)).toEqual({
      shared: 2,
      heldOut: 4,
      share: 0.5,
      first: { heldOutId: "h1", trainId: "t0", text: "rain\u00A0 AGAIN " },
    })
  })

  it("is 0 without held-out examples", () => {
    expect(Overlap.between(dataset("t", ["a"]), dataset("h", []))).toEqual({ shared: 0, heldOut: 0, share: 0 })
  })

  it("compares tokens with text", () => {
    const tokens = Dataset.examples([{ id: "k", origin: "k", tokens: ["Rain", "again"], labels: {}, tags: {} }], {
      labels: [],
      tags: [],
    })
    expect(Overlap.between(dataset("t", ["rain again"]), tokens).share).toBe(1)
  })
})
