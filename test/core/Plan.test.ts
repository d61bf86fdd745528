import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Step from "@thaw/core/Step"
import type * as Wire from "@thaw/core/Wire"
import { Schema } from "effect"
import { beforeEach, describe, expect, it } from "vitest"
import * as World from "./world.ts"

const Number = Artifact.json("number", Schema.Number)

let calls = 0
beforeEach(() => {
  calls = 0
})
const number = (version: string) =>
  Step.make({ name: "number", version, input: { of: Schema.Number }, output: Number, run: ({ of }) => (calls++, of) })
const plus = Step.make({
  name: "plus",
  version: "1",
  input: { a: Number, b: Number },
  output: Number,
  run: ({ a, b }) => (calls++, a + b),
})
const pipeline = (out: Wire.Wire<number>, name = "test") => Pipeline.make(name, { seed: 7, outputs: { out } })
const diamond = (of: number, version = "1") => {
  const base = number(version)({ of })
  return pipeline(plus({ a: plus({ a: base, b: 1 }), b: base }))
}

describe("a plan", () => {
  it("is exact down to the first step that will run, says what the others wait for, and runs nothing", async () => {
    expect(await World.make().plan(diamond(1))).toEqual({
      number: "Run: never ran in this pipeline",
      plus: "Wait: depends on what number will give",
      "plus (2)": "Wait: depends on what plus, number will give",
    })
    expect(calls).toBe(0)
  })

  it("finds everything after a run", async () => {
    const world = World.make()
    await world.run(diamond(1))
    expect(await world.plan(diamond(1))).toEqual({
      number: "Reuse: nothing changed",
      plus: "Reuse: nothing changed",
      "plus (2)": "Reuse: nothing changed",
    })
    expect(calls).toBe(3)
  })

  it("says what changed since the step last ran in this pipeline", async () => {
    const world = World.make()
    await world.run(diamond(1))
    expect((await world.plan(diamond(2)))["number"]).toBe("Run: parameter of: 1 → 2")
    expect((await world.plan(diamond(1, "2")))["number"]).toBe("Run: version 1 → 2")
    expect((await world.plan(diamond(1), { overrides: { "number.of": 3 } }))["number"]).toBe("Run: parameter of: 1 → 3")
    await world.run(diamond(2, "2"))
    expect((await world.plan(diamond(3)))["number"]).toBe("Run: version 2 → 1; parameter of: 2 → 3")
  })

  it("says that a step is new in its pipeline, whatever ran in others", async () => {
    const world = World.make()
    await world.run(diamond(1))
    const other = pipeline(number("1")({ of: 5 }), "other")
    expect(await world.plan(other)).toEqual({ number: "Run: never ran in this pipeline" })
  })

  it("says that a result is gone", async () => {
    const root = fs.mkdtempSync(join(tmpdir(), "thaw-plan-"))
    try {
      const world = World.make(1, () => ({}), ArtifactStore.folder(root))
      await world.run(diamond(1))
      const results = join(root, "store/results")
      for (const file of fs.readdirSync(results)) fs.rmSync(join(results, file), { recursive: true })
      expect((await world.plan(diamond(1)))["number"]).toBe("Run: its result is no longer in the store")
      expect(Object.values((await world.run(diamond(1))).steps)).toEqual(["ran", "ran", "ran"])
    } finally {
      fs.rmSync(root, { recursive: true })
    }
  })
})
