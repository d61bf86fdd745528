import { mkdirSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { project, thaw } from "./thaw.ts"

/** Standard error of `thaw plan` on a file with this content; the exit code has to be 2. */
const said = async (content: string, name = "pipeline.ts"): Promise<string> => {
  const folder = project()
  writeFileSync(path.join(folder, name), content)
  const { code, stdout, stderr } = await thaw(folder, ["plan", name])
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
  return stderr
}

const wire = `import * as Artifact from "@thaw/core/Artifact"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Step from "@thaw/core/Step"
import { Schema } from "effect"
const give = Step.make({ name: "give", version: "1", input: { n: Schema.Int }, output: Artifact.json("n", Schema.Int), run: ({ n }) => n })
`

describe("a pipeline's file that gives no pipeline", () => {
  it("is refused when it is missing, with what lies near", async () => {
    const { code, stderr } = await thaw(project(), ["run", "./triag.ts"])
    expect(code).toBe(2)
    expect(stderr).toBe(
      'error: ./triag.ts: expected a pipeline\'s file, got nothing there. Did you mean "triage.ts"?\n',
    )
  })

  it("is refused when it is a folder, with what is in it", async () => {
    const folder = project()
    mkdirSync(path.join(folder, "pipelines"))
    writeFileSync(path.join(folder, "pipelines/a.ts"), "")
    const { code, stderr } = await thaw(folder, ["run", "pipelines"])
    expect(code).toBe(2)
    expect(stderr).toBe('error: pipelines: expected a pipeline\'s file, got a folder. In it are "pipelines/a.ts".\n')
  })

  it("is refused when it is no module", async () => {
    expect(await said("a", "texts.csv")).toBe(
      "error: texts.csv: expected a file that ends in .ts, .mts, .js, .mjs, got .csv.\n",
    )
  })

  it("is refused without a default export, naming an export that is a pipeline", async () => {
    expect(await said("export const a = 1")).toBe(
      "error: pipeline.ts: expected a pipeline as default export, got no default export. End the file with: export default Pipeline.make(…).\n",
    )
    const named = `${wire}export const mine = Pipeline.make("mine", { seed: 1, outputs: { n: give({ n: 1 }) } })`
    expect(await said(named)).toContain("Its export mine is a pipeline: write export default mine.\n")
  })

  it("is refused when the default export is something else", async () => {
    expect(await said(`${wire}export default give({ n: 1 })`)).toContain("got what a step call returned.")
    expect(await said("export default async () => 1")).toContain("got a function.")
  })

  it("is refused on a syntax error, with its place", async () => {
    const stderr = await said("const a = 1\nconst b = = 2\nexport default a\n")
    expect(stderr).toMatch(/^error: pipeline\.ts:2(:\d+)?: expected valid TypeScript, got .+\.\n$/)
    expect(stderr.trimEnd()).not.toContain("\n")
  })

  it("is refused on TypeScript that cannot be stripped, with its place", async () => {
    expect(await said("enum A { B }\nexport default A")).toMatch(
      /^error: pipeline\.ts(:1(:\d+)?)?: expected TypeScript whose types can be stripped, got .*enum.*\n$/,
    )
  })

  it("is refused when it throws, with the place and the error's first line", async () => {
    expect(await said('const a = 1\nthrow new Error("no\\nmore")')).toBe(
      "error: pipeline.ts:2:7: expected to be loaded without an error, got Error: no. THAW_DEBUG=1 shows where it comes from.\n",
    )
  })

  it("is refused when something it imports is not there", async () => {
    expect(await said('import "./nothing.ts"')).toMatch(
      /^error: pipeline\.ts: expected its imports to be there, got no module '.*nothing\.ts'\. Relative imports end in \.ts; packages have to be installed\.\n$/,
    )
  })

  it("is refused on wrong wiring, by core's own sentence", async () => {
    expect(
      await said(`${wire}export default Pipeline.make("two words", { seed: 1, outputs: { n: give({ n: 1 }) } })`),
    ).toMatch(/^error: pipeline "two words": expected a name of letters/)
    const stderr = await said(
      `${wire}export default Pipeline.make("n", { seed: 1, outputs: { n: give({ m: 1 } as never) } })`,
    )
    expect(stderr).toBe('error: give, m: expected an argument of the step, got "m". Known are "n".\n')
  })
})
