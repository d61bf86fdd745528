import { existsSync, readdirSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { events, project, start, thaw } from "./thaw.ts"

const slow = { TRIAGE_UPDATE_MILLIS: "50" }

describe("Ctrl-C", () => {
  it("stops between updates with 130, says what is kept, and leaves nothing half-written", async () => {
    const folder = project()
    const running = start(folder, ["run", "triage.ts", "--set", "train.updates=400"], slow)
    await running.shown("train: phase 0")
    running.child.kill("SIGINT")
    const { code, stdout } = await running.ended
    expect(code).toBe(130)
    expect(stdout).toContain("stopping after the update under way; Ctrl-C again ends at once\n")
    expect(stdout).toContain("stopped: 2 of 4 steps are kept; train starts again next time\n")
    expect(stdout).toContain("to go on: thaw run triage.ts --set train.updates=400\n")
    const scratch = path.join(folder, ".thaw/store/scratch")
    expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([])
    expect(existsSync(path.join(folder, ".thaw/outputs"))).toBe(false)

    const listed = await thaw(folder, ["runs"])
    expect(listed.stdout).toMatch(/triage +interrupted/)
    const again = await thaw(folder, ["run", "triage.ts"])
    expect(again.code).toBe(0)
    expect(again.stdout).toContain("split: kept (nothing changed)")
    expect(again.stdout).toContain("train: starts (never ran in this pipeline)")
  })

  it("ends the JSON stream with runFinished, status interrupted", async () => {
    const running = start(project(), ["run", "triage.ts", "--json", "--set", "train.updates=400"], slow)
    await running.shown('"event":"update"')
    running.child.kill("SIGINT")
    const ended = await running.ended
    expect(ended.code).toBe(130)
    expect(events(ended).at(-1)).toMatchObject({
      event: "runFinished",
      status: "interrupted",
      outputs: {},
      metrics: {},
    })
  })

  it("ends at once when pressed twice, even where a step cannot be interrupted", async () => {
    const running = start(project(), ["run", "stubborn.ts"])
    await running.shown("wait: starts")
    const pressedAt = Date.now()
    running.child.kill("SIGINT")
    await running.shown("Ctrl-C again")
    running.child.kill("SIGINT")
    expect((await running.ended).code).toBe(130)
    expect(Date.now() - pressedAt).toBeLessThan(10_000)
  })

  it("stops a run whose output nobody reads any more", async () => {
    const running = start(project(), ["run", "triage.ts", "--json", "--set", "train.updates=400"], slow)
    await running.shown('"event":"update"')
    running.child.stdout!.destroy()
    expect((await running.ended).code).toBe(130)
  })
})
