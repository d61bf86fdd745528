import * as Artifact from "@thaw/core/Artifact"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Step from "@thaw/core/Step"
import { Schema } from "effect"
import { describe, expect, it } from "vitest"
import * as World from "./world.ts"

const world = World.make()

const add = Step.make({
  name: "add",
  version: "1",
  input: {
    a: Schema.Number,
    way: Schema.optionalKey(Schema.String),
    memory: Schema.optionalKey(Schema.Struct({ bytes: Schema.Number, precision: Schema.String })),
  },
  output: Artifact.json("number", Schema.Number),
  unkeyed: ["way", "memory.bytes"],
  run: ({ a }) => a + 1,
})
const ran = async (args: Parameters<typeof add>[0]): Promise<string | undefined> => {
  const { steps } = await world.run(Pipeline.make("x", { seed: 1, outputs: { sum: add(args) } }))
  return steps["add"]
}

describe("parameters that a step declares as not deciding what it gives", () => {
  it("are not part of its key, given or not, whole or in part", async () => {
    expect(await ran({ a: 1 })).toBe("ran")
    expect(await ran({ a: 1, way: "quick" })).toBe("cached")
    expect(await ran({ a: 2, way: "quick" })).toBe("ran")
    expect(await ran({ a: 1, memory: { bytes: 10, precision: "low" } })).toBe("ran")
    expect(await ran({ a: 1, memory: { bytes: 99, precision: "low" } })).toBe("cached")
    expect(await ran({ a: 1, memory: { bytes: 99, precision: "high" } })).toBe("ran")
  })
})
