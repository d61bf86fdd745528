import { createHash } from "node:crypto"
import * as ContentKey from "@thaw/core/ContentKey"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const ingredients: ContentKey.Ingredients = {
  step: "Split",
  version: "1",
  parameters: { test: 0.2, by: null },
  inputs: { examples: "ab" },
  sources: { path: "cd" },
  seeds: { seed: { value: 7, path: ["Split", "seed"] } },
  environment: { onnxruntime: "1.30.0" },
}

describe("the key", () => {
  it("is the SHA-256 of the ingredients as canonical JSON", () => {
    const written =
      '{"environment":{"onnxruntime":"1.30.0"},"inputs":{"examples":"ab"},"parameters":{"by":null,"test":0.2},' +
      '"seeds":{"seed":{"path":["Split","seed"],"value":7}},"sources":{"path":"cd"},"step":"Split","version":"1"}'
    expect(ContentKey.keyOf(ingredients)).toBe(createHash("sha256").update(written).digest("hex"))
  })
})

describe("differences", () => {
  it.each<[Partial<ContentKey.Ingredients>, ReadonlyArray<string>]>([
    [{}, []],
    [{ step: "Split.given" }, ["step Split → Split.given"]],
    [{ version: "2" }, ["version 1 → 2"]],
    [{ parameters: { test: 0.1, by: null } }, ["parameter test: 0.2 → 0.1"]],
    [{ parameters: { test: 0.2 } }, ["parameter by: null → none"]],
    [{ parameters: { test: 0.2, by: null, constructor: 1 } }, ["parameter constructor: none → 1"]],
    [{ sources: { path: "ce" } }, ["the content of path changed"]],
    [{ inputs: { examples: "ac", more: "x" } }, ["input examples changed", "input more changed"]],
    [{ seeds: { seed: { value: 8, path: ["Split", "seed"] } } }, ["seed: 7 → 8"]],
    [{ seeds: { seed: { value: 7, path: ["Split"] } } }, ["the stream of seed changed"]],
    [{ environment: {} }, ['onnxruntime: "1.30.0" → none']],
    [{ version: "2", environment: {} }, ["version 1 → 2", 'onnxruntime: "1.30.0" → none']],
  ])("of %j are %j", (change, expected) => {
    expect(ContentKey.differences(ingredients, { ...ingredients, ...change })).toEqual(expected)
  })

  it("are there exactly when the keys differ", () => {
    const few = <A>(value: fc.Arbitrary<A>) => fc.dictionary(fc.constantFrom("a", "b", "toString"), value)
    const hash = fc.constantFrom("x", "y")
    const any = fc.record({
      step: fc.constantFrom("s", "t"),
      version: fc.constantFrom("1", "2"),
      parameters: few(fc.jsonValue({ maxDepth: 1 }) as fc.Arbitrary<never>),
      inputs: few(hash),
      sources: few(hash),
      seeds: few(fc.record({ value: fc.nat(2), path: fc.array(hash, { maxLength: 2 }) })),
      environment: few(hash),
    })
    const near = any.chain((a) =>
      any.chain((b) =>
        fc.subarray(Object.keys(a) as Array<keyof typeof a>).map((kept) => {
          const other = { ...b }
          for (const name of kept) Object.assign(other, { [name]: a[name] })
          return [a, other] as const
        }),
      ),
    )
    fc.assert(
      fc.property(near, ([a, b]) => {
        expect(ContentKey.differences(a, b).length === 0).toBe(ContentKey.keyOf(a) === ContentKey.keyOf(b))
      }),
      { numRuns: 500 },
    )
  })

  it("stay short", () => {
    const long = { ...ingredients, parameters: { test: "x".repeat(1000), by: null } }
    expect(ContentKey.differences(ingredients, long)[0]!.length).toBeLessThan(100)
  })
})
