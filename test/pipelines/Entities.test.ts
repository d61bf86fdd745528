import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type * as Predict from "@thaw/steps/Predict"
import * as Command from "./command.ts"

const { run, predict, scores, remove } = Command.command()
afterAll(remove)

describe("intents and entities", () => {
  beforeAll(async () => {
    await run("pipelines/entities.ts")
  }, Command.patience)

  it("are learned together: entities are found, intents beat the most frequent one", () => {
    const { intent, entities } = scores("entities")
    expect(entities!.metrics["entityF1"]).toBeGreaterThan(0)
    expect(intent!.metrics["accuracy"]).toBeGreaterThan(intent!.majority["accuracy"]!)
  })

  it(
    "are answered from the exported folder, entities with their places in the text",
    async () => {
      const texts = [
        "I need a train from Leeds to York on Friday.",
        "Remind me to call Anna at nine.",
        "Play some jazz.",
      ]
      const answers = (await predict("entities", ...texts)) as ReadonlyArray<Predict.Answered>
      const found = answers.flatMap(({ text, tasks }) => {
        expect(tasks["intent"]).toMatchObject({ _tag: "classification" })
        const entities = tasks["entities"]!
        if (entities._tag !== "tokenClassification") throw new Error("entities is no token task")
        return entities.entities.map((entity) => ({ text, entity }))
      })
      expect(found.length).toBeGreaterThan(0)
      for (const { text, entity } of found) expect(text.slice(entity.from, entity.to)).toBe(entity.text)
    },
    Command.patience,
  )
})
