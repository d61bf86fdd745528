import * as Artifact from "@thaw/core/Artifact"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Step from "@thaw/core/Step"
import * as Wire from "@thaw/core/Wire"
import { Schema } from "effect"
import { describe, expect, it } from "vitest"

const Text = Artifact.json("text", Schema.String)
const definition = { name: "shout", version: "2", input: { text: Schema.String }, output: Text, run: () => "A" }

describe("calling a step", () => {
  it("runs nothing and gives a wire", () => {
    const silent = Step.make({
      ...definition,
      run: (): string => {
        throw new Error("ran")
      },
    })
    const wire = silent({ text: "a" })
    expect(Wire.isWire(wire)).toBe(true)
    expect(wire.output).toBe("value")
    expect(wire.call.arguments).toEqual({ text: "a" })
  })

  it("gives one wire per output, all of one call", () => {
    const two = Step.make({ ...definition, output: { a: Text, b: Text }, run: () => ({ a: "", b: "" }) })
    const { a, b } = two({ text: "x" })
    expect([a.output, b.output]).toEqual(["a", "b"])
    expect(a.call).toBe(b.call)
    expect(two({ text: "x" }).a.call).not.toBe(a.call)
  })
})

describe("a step", () => {
  it("is its definition and can be called", () => {
    const step = Step.make(definition)
    expect([step.name, step.version, step.run({ text: "" })]).toEqual(["shout", "2", "A"])
    expect(Object.keys(Step.outputsOf(step))).toEqual(["value"])
  })

  it.each([
    [{ name: "" }, 'Step.make, name: expected a name, got "".'],
    [{ version: "" }, 'step shout, version: expected a version, got "".'],
    [{ version: undefined as never }, "step shout, version: expected a version, got nothing."],
    [{ input: { "a.b": Schema.String } as never }, 'step shout, input: expected a name without a dot, got "a.b".'],
  ])("is refused with %j", (change, sentence) => {
    const make = () => Step.make({ ...definition, ...change })
    expect(make).toThrow(PipelineInvalid)
    expect(make).toThrow(sentence)
  })
})
