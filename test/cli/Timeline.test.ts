/** What `thaw plan` foretells of training and `thaw run` then measures. */
import { existsSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { project, thaw } from "./thaw.ts"

const csv = [
  "text,topic",
  ...Array.from(
    { length: 40 },
    (_, at) => `the ${at % 2 === 0 ? "cat" : "saw"} number ${at},${at % 2 === 0 ? "a" : "b"}`,
  ),
].join("\n")

/** A project with a pipeline of this freeze plan. */
const withPlan = (freeze: string): string => {
  const folder = project()
  writeFileSync(path.join(folder, "data.csv"), csv)
  writeFileSync(
    path.join(folder, "plan.ts"),
    `import { Pipeline } from "@thaw/core"
import { Encoder, Head, LearningRate } from "@thaw/models"
import { Evaluate, Freeze, Load, Split, Train } from "@thaw/steps"
const examples = Load.csv({ path: "./data.csv", text: "text", labels: { topic: "topic" } })
const { train, validation, test } = Split.stratified({ examples, validation: 0.2, test: 0.2 })
const trained = Train.multiTask({
  encoder: Encoder.fromScratch({ corpus: train, vocabularySize: 80, blocks: 2, hidden: 8, heads: 2, maxTokens: 16 }),
  tasks: { topic: { head: Head.classification({ pooling: "mean" }), train, validation } },
  freeze: ${freeze},
  learningRate: LearningRate.constant(1e-3),
  batch: 8,
})
const scores = Evaluate.tasks({ trained, test: { topic: test } })
export default Pipeline.make("plan", { seed: 7, outputs: { scores } })
`,
  )
  return folder
}

/** Cells of the first line that begins with this name. */
const row = (text: string, name: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .map((line) => line.trim())
    .find((line) => line.startsWith(`${name} `))!
    .split(/ {2,}/)

describe("the timeline of a plan", () => {
  it("calls unknown what only data would tell, and knows it when that has been read", async () => {
    const folder = withPlan("Freeze.gradual({ stopAtBlock: 1 })")
    const before = await thaw(folder, ["plan", "plan.ts"])
    expect(before.code).toBe(0)
    expect(row(before.stdout, "block.1")).toEqual(["block.1", "frozen", "1.0e-3"])
    expect(row(before.stdout, "updates")).toEqual(["updates", "unknown", "unknown"])
    expect(before.stdout).toContain("What is unknown, Split.stratified will tell.")

    const ran = await thaw(folder, ["run", "plan.ts"])
    expect(ran.code).toBe(0)
    // 24 examples in batches of 8. Of two labels, a head of 8 numbers each and a bias.
    expect(row(ran.stdout, "Train.phase 1, backbone frozen").slice(0, 3)).toEqual([
      "Train.phase 1, backbone frozen",
      "18",
      "3",
    ])
    const after = await thaw(folder, ["plan", "plan.ts", "--json"])
    const [, timeline] = after.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly event: string; readonly phases: ReadonlyArray<unknown> })
    expect(timeline).toMatchObject({
      event: "timeline",
      phases: [
        { known: { updates: { value: 3 }, trainedParameters: { value: 18, degree: "exact" } } },
        { known: { updates: { value: 3 } } },
      ],
    })
  })

  it.each([
    [
      `Freeze.phases([{ train: ["head.topics"] }])`,
      `phase 1, trains head.topics: expected patterns that match groups of the network, got "head.topics". Did you mean "head.topic"?`,
    ],
    [
      "Freeze.gradual({ stopAtBlock: 2 })",
      "Freeze.gradual, stopAtBlock: expected a block of the encoder, 0 to 1, got 2.",
    ],
    ["Freeze.everything()", "Evaluate.tasks, task topic: expected head.topic to have trained"],
  ])("refuses what contradicts itself before anything runs: %s", async (freeze, sentence) => {
    const folder = withPlan(freeze)
    for (const command of ["plan", "run"]) {
      const { code, stdout, stderr } = await thaw(folder, [command, "plan.ts"])
      expect(code).toBe(2)
      expect(stdout + stderr).toContain(sentence)
    }
    expect(existsSync(path.join(folder, ".thaw/outputs"))).toBe(false)
  })
})
