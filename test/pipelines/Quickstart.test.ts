import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Command from "./command.ts"

const { run, predict, scores, remove } = Command.command()
afterAll(remove)

describe("the quickstart", () => {
  let events: ReadonlyArray<Command.Event>
  beforeAll(async () => {
    events = await run("pipelines/quickstart.ts")
  }, Command.patience)

  it("trains both tasks from scratch to figures on the test part far above the most frequent label", () => {
    const { topic, sentiment } = scores("quickstart")
    const told = events.at(-1)!
    expect(told).toMatchObject({
      event: "runFinished",
      status: "done",
      metrics: { "topic.accuracy": topic!.metrics["accuracy"], "sentiment.accuracy": sentiment!.metrics["accuracy"] },
    })
    expect(topic!.metrics["accuracy"]).toBeGreaterThanOrEqual(0.8)
    // A tenth of the texts have a sentiment, so few are left to test on.
    expect(sentiment!.metrics["accuracy"]).toBeGreaterThan(sentiment!.majority["accuracy"]!)
  })

  it(
    "does nothing again when nothing changed",
    async () => {
      const again = await run("pipelines/quickstart.ts")
      expect(Command.cached(again).length).toBeGreaterThan(5)
      expect(new Set(Command.cached(again))).toEqual(new Set([true]))
      expect(again.at(-1)!["metrics"]).toEqual(events.at(-1)!["metrics"])
    },
    Command.patience,
  )

  it(
    "exports a folder that answers both tasks",
    async () => {
      const text = "The waiter was kind and the soup came hot."
      const answers = await predict("quickstart", text, "My laptop's battery dies after an hour.")
      expect(answers).toHaveLength(2)
      expect(answers[0]).toMatchObject({
        text,
        tasks: { topic: { _tag: "classification" }, sentiment: { _tag: "classification" } },
      })
      expect(answers[1]).toMatchObject({ tasks: { topic: { label: "technology" } } })
    },
    Command.patience,
  )
})
