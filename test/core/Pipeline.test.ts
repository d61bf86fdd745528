import * as Artifact from "@thaw/core/Artifact"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Step from "@thaw/core/Step"
import { Schema } from "effect"
import { describe, expect, it } from "vitest"

const Text = Artifact.json("text", Schema.String)
const one = Step.make({ name: "one", version: "1", input: {}, output: Text, run: () => "" })
const two = Step.make({
  name: "two",
  version: "1",
  input: {},
  output: { a: Text, b: Text },
  run: () => ({ a: "", b: "" }),
})
const outputs = { out: one({}) }

describe("a pipeline", () => {
  it("is its name, seed and outputs", () => {
    const made = Pipeline.make("support-triage_2.0", { seed: 0xffffffff, outputs })
    expect(made).toEqual({ _tag: "Pipeline", name: "support-triage_2.0", seed: 0xffffffff, outputs })
    expect(Pipeline.isPipeline(made)).toBe(true)
    expect([null, undefined, 3, {}, { _tag: "Wire" }].some(Pipeline.isPipeline)).toBe(false)
  })

  it.each(["", ".", "..", ".hidden", "a/b", "a\\b", "a b", "-x", "é", "a\n"])("cannot be called %j", (name) => {
    expect(() => Pipeline.make(name, { seed: 1, outputs })).toThrow(PipelineInvalid)
    expect(() => Pipeline.make(name, { seed: 1, outputs })).toThrow(`got ${JSON.stringify(name)}. Results are kept`)
  })

  it.each([-1, 0.5, NaN, Infinity, 2 ** 32, "7", undefined])("cannot have the seed %s", (seed) => {
    expect(() => Pipeline.make("a", { seed: seed as number, outputs })).toThrow(
      `pipeline "a", seed: expected an integer from 0 to 4294967295, got ${seed}.`,
    )
  })

  it.each([{}, undefined])("needs an output: %s", (none) => {
    expect(() => Pipeline.make("a", { seed: 1, outputs: none as never })).toThrow(
      'pipeline "a", outputs: expected at least one named output, got none.',
    )
  })

  it.each([
    [two({}), 'a record of "a", "b"'],
    [one, "function"],
    [null, "null"],
    ["text", "string"],
    [{}, "an object"],
  ])("takes wires only, not %o", (wire, got) => {
    expect(() => Pipeline.make("a", { seed: 1, outputs: { x: wire as never } })).toThrow(
      `pipeline "a", outputs.x: expected what a step call returned, got ${got}. A step with several outputs`,
    )
  })
})
