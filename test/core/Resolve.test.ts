import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Source from "@thaw/core/Source"
import * as Step from "@thaw/core/Step"
import { Schema } from "effect"
import { afterAll, describe, expect, it } from "vitest"
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

describe("files of a source", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "thaw-source-"))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const put = (name: string, content: string) => writeFileSync(path.join(folder, name), content)
  mkdirSync(path.join(folder, "deeper"))

  const count = Step.make({
    name: "count",
    version: "1",
    input: { path: Source.files },
    output: Artifact.json("names", Schema.Array(Schema.String)),
    run: async ({ path: source }) => (await Source.shards(source)).map((each) => path.basename(each.path)),
  })
  const counted = async (written: string) => {
    const outputs = { names: count({ path: path.join(folder, written) }) }
    const { steps } = await world.run(Pipeline.make("x", { seed: 1, outputs }))
    return steps["count"]
  }

  it.each(["", "*.txt"])("are in the key, all of them and nothing else: %j", async (written) => {
    put("b.txt", `b ${written}`)
    put("a.txt", "a")
    expect(await counted(written)).toBe("ran")
    put(".hidden", written)
    put("deeper/c.txt", written)
    expect(await counted(written)).toBe("cached")
    put("b.txt", `other ${written}`)
    expect(await counted(written)).toBe("ran")
    put("c.txt", "more")
    expect(await counted(written)).toBe("ran")
    renameSync(path.join(folder, "c.txt"), path.join(folder, "d.txt"))
    expect(await counted(written)).toBe("ran")
    rmSync(path.join(folder, "d.txt"))
    expect(await counted(written)).toBe("cached")
  })

  it("are one where one is named, and a sentence where there is none", async () => {
    const shards = async (written: string) =>
      (await Source.shards({ path: path.join(folder, written), written })).map((each) => each.written)
    put("a[1].txt", "no pattern")
    expect(await shards("a[1].txt")).toEqual(["a[1].txt"])
    expect(await shards("nothing.txt")).toEqual(["nothing.txt"])
    expect(await shards("[ab].txt")).toEqual(["a.txt", "b.txt"])
    await expect(counted("*.csv")).rejects.toThrow("expected files at ")
    await expect(counted("nothing.txt")).rejects.toThrow("expected a readable file at ")
  })
})
