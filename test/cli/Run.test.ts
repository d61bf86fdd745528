import { appendFileSync, chmodSync, lstatSync, readFileSync, readlinkSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { project, thaw } from "./thaw.ts"

describe("thaw run", () => {
  it("runs every step, tells of each in plain lines, and shows scores and places", async () => {
    const { code, stdout, stderr } = await thaw(project(), ["run", "triage.ts"])
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).toMatch(/^triage: run \d{8}-\d{6}-[0-9a-f]{4}, seed 7$/m)
    expect(stdout).toMatch(/^load: starts \(never ran in this pipeline\)$/m)
    expect(stdout).toMatch(/^train: phase 0, 40 updates: head.topic, head.mood learn \(1.2 k parameters\)/m)
    expect(stdout).toMatch(/^train: topic validation: accuracy 0.900$/m)
    expect(stdout).toMatch(/^train: 3 texts have no mood$/m)
    expect(stdout).toMatch(/this run +0\.900 +0\.850 +0\.300/)
    expect(stdout).toMatch(/majority label +0\.500 +0\.330/)
    expect(stdout).toMatch(/service +1 +3\n/)
    expect(stdout).toMatch(/scores +json\/scores +\.thaw\/outputs\/triage\/scores/)
    expect(stdout).toMatch(/done in .*, all 4 steps ran\n$/)
    // No colours and no redrawing where nobody looks.
    expect(stdout).not.toContain("\x1b")
  })

  it("keeps everything in a second run, and runs only what a parameter reaches", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const second = await thaw(folder, ["run", "triage.ts"])
    expect(second.stdout).toContain("train: kept (nothing changed)")
    expect(second.stdout).toMatch(/nothing had changed\n$/)
    const third = await thaw(folder, ["run", "triage.ts", "--set", "train.updates=41"])
    expect(third.stdout).toContain("split: kept (nothing changed)")
    expect(third.stdout).toContain("train: starts (parameter updates: 40 → 41)")
    expect(third.stdout).toMatch(/2 of 4 steps were kept\n$/)
  })

  it("links outputs relatively to the store and moves the link with the result", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const link = path.join(folder, ".thaw/outputs/triage/weights")
    const first = readlinkSync(link)
    expect(path.isAbsolute(first)).toBe(false)
    const read = () => JSON.parse(readFileSync(path.join(link, "value.json"), "utf8")) as Array<number>
    expect(read().slice(0, 2)).toEqual([8, 40])
    await thaw(folder, ["run", "triage.ts", "--set", "train.updates=41"])
    expect(lstatSync(link).isSymbolicLink()).toBe(true)
    expect(readlinkSync(link)).not.toBe(first)
    expect(read().slice(0, 2)).toEqual([8, 41])
  })

  it("shows what an output says for people, now and when it is kept, and nothing that could steer the terminal", async () => {
    const folder = project()
    const shown = "\ncounts\n  | label | count |\n  | sun | 3 |\n  | ·[2Jrain | 8 |\n\nsaved\n"
    const first = await thaw(folder, ["run", "telling.ts"])
    expect(first.stdout).toContain(shown)
    expect(first.stdout).toMatch(/counts +json\/counts +\.thaw\/outputs\/telling\/counts/)
    const second = await thaw(folder, ["run", "telling.ts"])
    expect(second.stdout).toContain("count: kept (nothing changed)")
    expect(second.stdout).toContain(shown)
  })

  it("shows what augmentation made, where its report is an output", async () => {
    const { code, stdout } = await thaw(project(), ["run", "reporting.ts"])
    expect(code).toBe(0)
    // One word alone has nothing to change places with.
    expect(stdout).toMatch(
      /\nreport {2}3 examples, 2 copies\n {2}made +2 {2}by swap, 4 words +\S+~1: .*\n {2}dropped +1 {2}equal to the example they were made from\n/,
    )
  })

  it("takes another seed from the command line", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const { stdout } = await thaw(folder, ["run", "triage.ts", "--seed", "8"])
    expect(stdout).toContain("train: starts (seed: 7 → 8)")
  })

  it("says that a step's source changed without a version, and runs it with --strict-code", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const file = path.join(folder, "triage.ts")
    writeFileSync(file, readFileSync(file, "utf8").replace('.trim().split("\\n")', '.trim().split("\\n").slice(1)'))
    const said = await thaw(folder, ["run", "triage.ts"])
    expect(said.stdout).toContain("load: nothing of its key changed, but its source did")
    expect(said.stdout).not.toContain("load: starts")
    const strict = await thaw(folder, ["run", "triage.ts", "--strict-code"])
    expect(strict.stdout).toContain("load: starts")
  })

  it("ends with 1 and one sentence when a step fails, and keeps what was finished", async () => {
    const folder = project()
    const { code, stderr } = await thaw(folder, ["run", "failing.ts"])
    expect(code).toBe(1)
    expect(stderr).toBe("error: check: line 3: expected right, got wrong. Write right.\n")
    const again = await thaw(folder, ["run", "failing.ts"])
    expect(again.code).toBe(1)
    expect(again.stdout).toContain("give: kept (nothing changed)")
    expect(again.stdout).toContain("check: starts (never ran in this pipeline)")
    const mended = await thaw(folder, ["run", "failing.ts", "--set", 'give.text="right"'])
    expect(mended.code).toBe(0)
  })

  it("adds the cause with THAW_DEBUG=1 only", async () => {
    const { stderr } = await thaw(project(), ["run", "failing.ts"], { THAW_DEBUG: "1" })
    expect(stderr).toContain("error: check: line 3: expected right, got wrong. Write right.\n")
    expect(stderr).toMatch(/\[cause\]: InvalidData: .*\n +at .*failing\.ts/)
  })

  it("ends with 2 before anything runs when a source is missing", async () => {
    const folder = project()
    const file = path.join(folder, "triage.ts")
    writeFileSync(file, readFileSync(file, "utf8").replace("./texts.txt", "./text.txt"))
    const { code, stdout, stderr } = await thaw(folder, ["run", "triage.ts"])
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /^error: load, path: expected a readable file at .*text\.txt, got nothing there\. Did you mean "texts\.txt"\?\n$/,
    )
    expect(stdout).not.toContain("starts")
  })

  it("tells of an artifact that was edited in the store", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const link = path.join(folder, ".thaw/outputs/triage/scores/value.json")
    chmodSync(link, 0o600)
    writeFileSync(link, readFileSync(link, "utf8").replace("0.9", "1.0"))
    const { code, stderr } = await thaw(folder, ["run", "triage.ts"])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^error: .*value\.json.*\n$/)
  })

  it("leaves no timer of a pipeline's file waiting", async () => {
    const folder = project()
    appendFileSync(path.join(folder, "triage.ts"), "\nsetInterval(() => {}, 1000)\n")
    const { code } = await thaw(folder, ["run", "triage.ts"])
    expect(code).toBe(0)
  })
})
