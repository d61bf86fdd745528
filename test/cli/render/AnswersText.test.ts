import * as Ansi from "@thaw/cli/render/Ansi"
import * as AnswersText from "@thaw/cli/render/AnswersText"
import { describe, expect, it } from "vitest"

const probabilities = { calm: 0.05, joy: 0.7, love: 0.9, fear: 0.2 }

describe("answers as text", () => {
  it("are a line for each task below the text", () => {
    const lines = AnswersText.lines(
      {
        text: "What a day!",
        tasks: {
          names: { _tag: "tokenClassification", entities: [{ type: "PER", text: "Ann", from: 0, to: 3 }] },
          places: { _tag: "tokenClassification", entities: [] },
          mood: { _tag: "classification", label: "love", probabilities },
          emotions: { _tag: "multiLabel", labels: ["love", "joy"], probabilities },
          tones: { _tag: "multiLabel", labels: [], probabilities: { stern: 0.4 } },
          stars: { _tag: "regression", score: 41.5 },
        },
      },
      Ansi.plain,
    )
    expect(lines.map((line) => line.trim().replaceAll(/ {2,}/g, " | "))).toEqual([
      "What a day!",
      "names | Ann PER",
      "places | nothing found",
      "mood | love 0.900 | joy 0.700 | fear 0.200 | calm 0.050",
      "emotions | love 0.900 | joy 0.700 | fear 0.200 | calm 0.050",
      "tones | none | stern 0.400",
      "stars | 41.500",
    ])
  })

  it("do not command the terminal", () => {
    const text = AnswersText.lines(
      { text: "\u001B[2Ja", tasks: { "\u001B[31mx": { _tag: "regression", score: 1 } } },
      Ansi.plain,
    ).join("")
    expect(text).not.toContain("\u001B")
  })
})
