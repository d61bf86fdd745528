import * as Artifact from "@thaw/core/Artifact"
import { PipelineInvalid, SourceUnreadable } from "@thaw/core/Errors"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Resolve from "@thaw/core/Resolve"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import * as Wire from "@thaw/core/Wire"
import { Effect, Schema } from "effect"
import { describe, expect, it } from "vitest"
import * as World from "./world.ts"

const text = Artifact.json("text", Schema.String)

/** A place where `x` is what somebody put there last. */
const place = () => {
  let version = 1
  let pins = 0
  const problem = { where: "here", expected: "an address at://…", advice: "" }
  const fetch = Step.make({
    name: "fetch",
    version: "1",
    input: {
      from: Source.address({
        check: (written) => {
          if (!written.startsWith("at://")) throw new PipelineInvalid({ ...problem, got: written })
        },
        pin: (written) => {
          pins++
          return written === "at://gone"
            ? Effect.fail(new SourceUnreadable({ ...problem, got: "nothing" }))
            : Effect.succeed(`${written}@${version}`)
        },
      }),
    },
    output: text,
    // Whatever happens meanwhile, a step run reads what its key names.
    run: ({ from }) => {
      version++
      return `${from.written} ${from.pinned}`
    },
  })
  return { fetch, at: (now: number) => (version = now), pins: () => pins }
}

describe("an address", () => {
  it("is pinned, and what it stands for then is what the step reads and what decides it", async () => {
    const world = World.make()
    const { fetch, at } = place()
    const pipeline = Pipeline.make("x", { seed: 1, outputs: { read: fetch({ from: "at://x" }) } })
    expect(await world.plan(pipeline)).toEqual({ fetch: "Run: never ran in this pipeline; reads at://x@1" })
    expect((await world.run(pipeline)).outputs["read"]).toBe("at://x at://x@1")
    at(1)
    expect((await world.run(pipeline)).steps).toEqual({ fetch: "cached" })
    expect(await world.plan(pipeline)).toEqual({ fetch: "Reuse: nothing changed; reads at://x@1" })
    at(2)
    expect(await world.plan(pipeline)).toEqual({ fetch: "Run: from: at://x@1 → at://x@2" })
    expect((await world.run(pipeline)).outputs["read"]).toBe("at://x at://x@2")
  })

  it("that stands for nothing fails the plan", async () => {
    const { fetch } = place()
    const pipeline = Pipeline.make("x", { seed: 1, outputs: { read: fetch({ from: "at://gone" }) } })
    await expect(World.make().plan(pipeline)).rejects.toThrow("here: expected an address at://…, got nothing.")
  })

  it("of the wrong form is refused when the Dag is made", async () => {
    const { fetch, pins } = place()
    const plan = (from: string) =>
      World.make().plan(Pipeline.make("x", { seed: 1, outputs: { read: fetch({ from }) } }))
    await expect(plan("x")).rejects.toThrow("here: expected an address at://…, got x.")
    await expect(plan("")).rejects.toThrow('fetch, from: expected an address, got "".')
    expect(pins()).toBe(0)
  })

  it("is looked up ahead for forecasts, once, wherever a wire leads", async () => {
    const { fetch, pins } = place()
    const read = fetch({ from: "at://x" })
    const both = Step.make({ name: "both", version: "1", input: { of: Artifact.record(text) }, output: text, run: () => "" }) // prettier-ignore
    const later = Wire.later(both({ of: { a: read, b: read } }), () => read)
    await Effect.runPromise(Resolve.ahead(Pipeline.make("x", { seed: 1, outputs: { later, read } })))
    expect(pins()).toBe(1)
  })
})
