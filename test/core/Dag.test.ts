import * as Artifact from "@thaw/core/Artifact"
import * as Dag from "@thaw/core/Dag"
import * as Dataset from "@thaw/core/Dataset"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Seed from "@thaw/core/Seed"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import * as Wire from "@thaw/core/Wire"
import { Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const Text = Artifact.json("text", Schema.String)
const Number = Artifact.json("number", Schema.Number)

const load = Step.make({
  name: "load",
  version: "1",
  input: { path: Source.file, limit: Schema.optionalKey(Schema.Int) },
  output: Dataset.Examples,
  run: () => Dataset.examples([], { labels: [], tags: [] }),
})
const split = Step.make({
  name: "split",
  version: "1",
  input: { examples: Dataset.Examples, seed: Seed.fromRun },
  output: { train: Dataset.TrainExamples, test: Dataset.HeldOutExamples },
  run: ({ examples }) => Dataset.parts(examples, { train: [], test: [] }),
})
const fit = Step.make({
  name: "fit",
  version: "1",
  title: ({ name }) => `fit ${String(name)}`,
  input: {
    train: Dataset.TrainExamples,
    name: Schema.String,
    rate: Schema.Number.check(Schema.isGreaterThan(0)),
    options: Schema.optionalKey(Schema.Struct({ deep: Schema.Array(Schema.Int) })),
  },
  output: Text,
  run: ({ name }) => name,
})
const merge = Step.make({
  name: "merge",
  version: "1",
  input: { parts: Artifact.record(Text) },
  output: Text,
  run: () => "",
})
const count = Step.make({ name: "count", version: "1", input: {}, output: Number, run: () => 1 })

const dag = (outputs: Record<string, Wire.Wire<unknown>>, overrides: Dag.Overrides = {}) =>
  Dag.make(Pipeline.make("test", { seed: 7, outputs }), overrides)
/** The sentence of the refusal. Steps are called as from JavaScript: without the compiler's help. */
const refusal = (make: () => unknown): string => {
  try {
    make()
  } catch (error) {
    if (error instanceof PipelineInvalid) return error.message
    throw error
  }
  throw new Error("nothing was refused")
}
const unchecked = (step: Step.Any) => step as unknown as (args?: unknown) => Wire.Wire<unknown>

const parts = split({ examples: load({ path: "a.csv" }) })

describe("the order of steps", () => {
  it("puts every step after what it needs, each call once", () => {
    const a = fit({ train: parts.train, name: "a", rate: 1 })
    const b = fit({ train: parts.train, name: "b", rate: 1 })
    const { nodes, outputs } = dag({ both: merge({ parts: { b, a } }), a })
    expect(nodes.map(({ label }) => label)).toEqual(["load", "split", "fit b", "fit a", "merge"])
    expect(outputs["a"]!.node).toBe(nodes[3])
    expect(nodes[4]!.needs.map(({ field, from, output }) => [field, from.label, output])).toEqual([
      ["parts.b", "fit b", "value"],
      ["parts.a", "fit a", "value"],
    ])
  })

  it("holds in every pipeline", () => {
    const step = (width: number) =>
      Step.make({
        name: `step${width}`,
        version: "1",
        input: { parts: Artifact.record(Text) },
        output: Text,
        run: () => "",
      })
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 30 }), (shape) => {
        const wires: Array<Wire.Wire<string>> = []
        for (const needs of shape) {
          const below = wires.length === 0 ? [] : needs.map((need) => wires[need % wires.length]!)
          wires.push(step(below.length)({ parts: Object.fromEntries(below.map((wire, index) => [`p${index}`, wire])) }))
        }
        const { nodes } = dag(Object.fromEntries(wires.map((wire, index) => [`o${index}`, wire])))
        expect(nodes).toHaveLength(shape.length)
        expect(new Set(nodes.map(({ label }) => label)).size).toBe(shape.length)
        for (const [place, node] of nodes.entries()) {
          for (const { from } of node.needs) expect(nodes.indexOf(from)).toBeLessThan(place)
        }
      }),
    )
  })

  it("is found for chains longer than JavaScript's stack", () => {
    let wire: Wire.Wire<string> = fit({ train: parts.train, name: "a", rate: 1 })
    for (let link = 0; link < 20_000; link++) wire = merge({ parts: { wire } })
    expect(dag({ wire }).nodes).toHaveLength(20_003)
  })

  it("refuses a call that needs its own result", () => {
    const args: Record<string, unknown> = {}
    const call: Wire.Call = { step: merge, arguments: { parts: args } }
    args["a"] = Wire.make(call, "value")
    expect(refusal(() => dag({ out: Wire.make(call, "value") }))).toBe(
      "merge, its arguments: expected results of earlier steps, got its own result.",
    )
  })
})

describe("labels", () => {
  it("are unique, also where a title looks like another's number", () => {
    const named = (name: string) => fit({ train: parts.train, name, rate: 1 })
    const all = ["a (2)", "a", "a", "a", "a (2)"].map(named)
    const { nodes } = dag(Object.fromEntries(all.map((wire, index) => [`o${index}`, wire])))
    expect(nodes.slice(2).map(({ label }) => label)).toEqual([
      "fit a (2)",
      "fit a",
      "fit a (3)",
      "fit a (4)",
      "fit a (2) (2)",
    ])
  })

  it("find their node, or say what is near", () => {
    const made = dag({ out: fit({ train: parts.train, name: "a", rate: 1 }) })
    expect(Dag.find(made, "split").label).toBe("split")
    expect(refusal(() => Dag.find(made, "splt"))).toBe(
      'pipeline test: expected the label of one of its steps, got "splt". Did you mean "split"?',
    )
  })
})

describe("parameters", () => {
  it("are JSON, as the schema encodes them, keys sorted", () => {
    const step = Step.make({
      name: "step",
      version: "1",
      input: { when: Schema.DateFromString, of: Schema.Record(Schema.String, Schema.Number) },
      output: Text,
      run: () => "",
    })
    const [node] = dag({ out: step({ when: new Date(0), of: { b: -0, a: 1 } }) }).nodes
    expect(JSON.stringify(node!.parameters)).toBe('{"when":"1970-01-01T00:00:00.000Z","of":{"a":1,"b":0}}')
    expect(Dag.parameter(node!, "when", node!.parameters["when"]!)).toEqual(new Date(0))
  })

  it.each([
    ["of another type", { rate: "fast" }, 'fit, rate: expected number, got "fast".'],
    ["out of range", { rate: 0 }, "fit, rate: expected a value greater than 0, got 0."],
    ["that are no number", { rate: NaN }, "fit, rate: expected a value greater than 0, got NaN."], // prettier-ignore
    ["that are functions", { name: () => "x" }, "fit, name: expected string, got a function."],
    ["that are wires inside a value", { options: { deep: [count({})] } }, "fit, options: expected number at [\"deep\"][0], got"], // prettier-ignore
    ["deep inside", { options: { deep: [1, 2.5] } }, 'fit, options: expected an integer at ["deep"][1], got {"deep":[1,2.5]}.'], // prettier-ignore
    ["that are null", { name: null }, "fit, name: expected string, got null."],
  ])("are refused %s", (_, args, sentence) => {
    const call = () => dag({ out: unchecked(fit)({ train: parts.train, name: "a", rate: 1, ...args }) })
    expect(refusal(call)).toContain(sentence)
  })

  const anything = Step.make({ name: "anything", version: "1", input: { of: Schema.Any }, output: Text, run: () => "" })
  const circular: Record<string, unknown> = { a: 1 }
  circular["self"] = circular
  it.each([
    ["a function", () => 1],
    ["a class instance", new Map([[1, 2]])],
    ["undefined in a list", [undefined]],
    ["infinity", { of: Infinity }],
    ["a bigint", 3n],
    ["a symbol", Symbol("s")],
    ["a value that contains itself", circular],
    ["a typed array", new Uint8Array(2)],
  ])("that have no JSON form are refused: %s", (_, of) => {
    expect(refusal(() => dag({ out: anything({ of }) }))).toContain(
      "anything, of: expected a value that can be written as JSON, so that it can be hashed, got ",
    )
  })

  it("keep every JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (of) => {
        const [node] = dag({ out: anything({ of }) }).nodes
        expect(node!.parameters["of"]).toEqual(JSON.parse(JSON.stringify(of)))
      }),
    )
  })

  it("are what they were when the step was called", () => {
    const options = { deep: [1] }
    const of = { parts: {} as Record<string, Wire.Wire<string>> }
    const wire = fit({ train: parts.train, name: "a", rate: 1, options })
    const merged = merge(of)
    options.deep.push(2)
    of.parts["late"] = wire
    const { nodes } = dag({ wire, merged })
    expect(nodes[2]!.parameters["options"]).toEqual({ deep: [1] })
    expect(nodes[3]!.needs).toEqual([])
  })
})

describe("arguments", () => {
  const train = parts.train
  it.each<[string, () => Wire.Wire<unknown>, string]>([
    ["misspelt", () => unchecked(fit)({ train, nme: "a", rate: 1 }), 'fit, nme: expected an argument of the step, got "nme". Did you mean "name"?'], // prettier-ignore
    ["unlike any", () => unchecked(count)({ zzzzzzz: 1 }), 'count, zzzzzzz: expected an argument of the step, got "zzzzzzz". There are none.'], // prettier-ignore
    ["missing", () => unchecked(fit)({ train, name: "a" }), "fit, rate: expected a value, got nothing."],
    ["undefined", () => unchecked(fit)({ train: undefined, name: "a", rate: 1 }), "fit, train: expected a value, got nothing."], // prettier-ignore
    ["all missing", () => unchecked(fit)(), "fit, train: expected a value, got nothing."],
    ["of another kind", () => unchecked(fit)({ train: parts.test, name: "a", rate: 1 }), "fit, train: expected examples/train, got examples/heldOut from split."], // prettier-ignore
    ["not split yet", () => unchecked(fit)({ train: load({ path: "a" }), name: "a", rate: 1 }), "fit, train: expected examples/train, got examples/all from load."], // prettier-ignore
    ["of another kind in a record", () => unchecked(merge)({ parts: { a: count({}) } }), "merge, parts.a: expected json/text, got json/number from count."], // prettier-ignore
    ["a wire where a record is wanted", () => unchecked(merge)({ parts: count({}) }), "merge, parts: expected a record of json/text, got the value of count."], // prettier-ignore
    ["nothing in a record", () => unchecked(merge)({ parts: { a: undefined } }), "merge, parts.a: expected json/text, got nothing."], // prettier-ignore
    ["an empty path", () => load({ path: "" }), 'load, path: expected the path of a file or folder, got "".'],
    ["a path with a null byte", () => load({ path: "a\0b" }), "load, path: expected the path of a file or folder, got"],
    ["a wired path", () => unchecked(load)({ path: count({}) }), "load, path: expected the path of a file or folder, got the value of count."], // prettier-ignore
    ["a seed below 0", () => split({ examples: load({ path: "a" }), seed: -1 }).train, "split, seed: expected a seed, an integer from 0 to 4294967295, got -1."], // prettier-ignore
    ["a fractional seed", () => split({ examples: load({ path: "a" }), seed: 0.5 }).train, "got 0.5."],
    ["a huge seed", () => split({ examples: load({ path: "a" }), seed: 2 ** 32 }).train, "got 4294967296."],
    ["an output that no step has", () => unchecked(merge)({ parts: { a: Wire.make(count({}).call, "vlue") } }), 'merge, parts.a: expected an output of count, got "vlue". Did you mean "value"?'], // prettier-ignore
  ])("are refused: %s", (_, make, sentence) => {
    expect(refusal(() => dag({ out: make() }))).toContain(sentence)
  })

  it("may be called like what every object inherits", () => {
    const odd = Step.make({
      name: "odd",
      version: "1",
      input: { constructor: Schema.optionalKey(Schema.Int), toString: Schema.Int },
      output: Text,
      run: () => "",
    })
    const [node] = dag({ out: odd({ toString: 3 } as never) }).nodes
    expect(node!.parameters).toEqual({ toString: 3 })
    expect(refusal(() => dag({ out: unchecked(odd)({}) }))).toBe("odd, toString: expected a value, got nothing.")
  })
})

describe("overrides", () => {
  const out = fit({ train: parts.train, name: "a", rate: 1 })
  const parameters = (overrides: Dag.Overrides) => dag({ out }, overrides).nodes[2]!.parameters

  it("replace parameters, also ones that were left out, and change no label", () => {
    expect(parameters({ "fit a.rate": 2, "fit a.name": "b", "fit a.options": { deep: [3] } })).toEqual({
      name: "b",
      rate: 2,
      options: { deep: [3] },
    })
    expect(dag({ out }, { "fit a.name": "b" }).nodes[2]!.label).toBe("fit a")
    expect(dag({ out }, { "load.limit": 3 }).nodes[0]!.parameters).toEqual({ limit: 3 })
  })

  it.each<[Dag.Overrides, string]>([
    [{ "fit a.rte": 2 }, '--set fit a.rte: expected <step>.<parameter> of this pipeline, got "fit a.rte". Did you mean "fit a.rate"?'], // prettier-ignore
    [{ "load.limt": 2 }, 'Did you mean "load.limit"?'],
    [{ "fit a.rate": -2 }, "fit, rate: expected a value greater than 0, got -2."],
    [{ "fit a.train": "x" }, '--set fit a.train: expected <step>.<parameter> of this pipeline, got "fit a.train".'],
    [{ "fit a.constructor": 1 }, "--set fit a.constructor: expected <step>.<parameter>"],
    [{ rate: 1 }, "--set rate: expected <step>.<parameter> of this pipeline"],
  ])("are refused: %j", (overrides, sentence) => {
    expect(refusal(() => parameters(overrides))).toContain(sentence)
  })

  it("are refused for what is wired to another step", () => {
    const show = Step.make({ name: "show", version: "1", input: { of: Schema.Number }, output: Text, run: () => "" })
    const sentence = refusal(() => dag({ out: show({ of: count({}) }) }, { "show.of": 3 }))
    expect(sentence).toBe('--set show.of: expected <step>.<parameter> of this pipeline, got "show.of". There are none.')
  })
})
