import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Command from "./command.ts"

const { run, scores, remove } = Command.command()
afterAll(remove)

describe("few labels and augmented copies", () => {
  let outputs: Readonly<Record<string, { readonly kind: string }>>
  beforeAll(async () => {
    const events = await run("pipelines/augmented.ts")
    const made = events.find(({ event, step }) => event === "stepFinished" && step === "Augment.examples")
    outputs = made?.["outputs"] as typeof outputs
  }, Command.patience)

  it("are training examples, with a report", () => {
    expect(outputs["examples"]?.kind).toBe("examples/train")
    expect(outputs["report"]?.kind).toBe("json/augmentation")
  })

  it("train an encoder that finds entities and beats the most frequent intent", () => {
    const { intent, entities } = scores("augmented")
    expect(entities!.metrics["entityF1"]).toBeGreaterThan(0)
    expect(intent!.metrics["accuracy"]).toBeGreaterThan(intent!.majority["accuracy"]!)
  })
})
