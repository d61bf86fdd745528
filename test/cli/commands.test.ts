import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { events, project, thaw } from "./thaw.ts"

const runId = async (folder: string): Promise<string> =>
  (await thaw(folder, ["runs", "--most", "1"])).stdout.split("\n")[1]!.split(" ")[0]!

describe("thaw plan", () => {
  it("tells which steps run and why, and runs and makes nothing", async () => {
    const folder = project()
    const before = await thaw(folder, ["plan", "triage.ts"])
    expect(before.code).toBe(0)
    expect(before.stdout).toMatch(/load +runs +never ran in this pipeline\n/)
    expect(before.stdout).toMatch(/train +perhaps +depends on what split will give\n/)
    expect(existsSync(path.join(folder, ".thaw"))).toBe(false)
    await thaw(folder, ["run", "triage.ts"])
    appendFileSync(path.join(folder, "texts.txt"), "one more\n")
    const after = await thaw(folder, ["plan", "triage.ts"])
    expect(after.stdout).toMatch(/load +runs +the content of path changed\n/)
    expect(after.stdout).toContain("4 steps: 0 kept, 1 to run, 3 to be decided by what earlier steps give")
  })
})

describe("thaw why", () => {
  it("marks which parameter, seed or input changed and which is the same", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const changed = await thaw(folder, ["why", "triage.ts", "train", "--set", "train.updates=50", "--seed", "9"])
    expect(changed.code).toBe(0)
    expect(changed.stdout).toMatch(/^train runs: parameter updates: 40 → 50; seed: 7 → 9\n/)
    expect(changed.stdout).toMatch(/≠ +parameter updates +40 +50\n/)
    expect(changed.stdout).toMatch(/≠ +seed seed +7 +9\n/)
    expect(changed.stdout).toMatch(/^ +input texts +[0-9a-f]{12} +same$/m)
    const same = await thaw(folder, ["why", "triage.ts", "train"])
    expect(same.stdout).toMatch(/^train is kept: nothing changed\n/)
  })

  it("supposes that a step before it gives the same again, and says so", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const { stdout } = await thaw(folder, ["why", "triage.ts", "evaluate", "--set", "train.updates=50"])
    expect(stdout).toMatch(/^evaluate perhaps runs: depends on what train will give\n/)
    expect(stdout).toContain("supposing that train gives the same as last time")
  })

  it("refuses a step that is not there, with the nearest", async () => {
    const { code, stderr } = await thaw(project(), ["why", "triage.ts", "trian"])
    expect(code).toBe(2)
    expect(stderr).toContain('got "trian". Did you mean "train"?')
  })
})

describe("thaw rerun", () => {
  it("runs every step again with the recorded seed and overrides, and finds the same bytes", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts", "--seed", "9", "--set", "train.updates=20"])
    const id = await runId(folder)
    const { code, stdout } = await thaw(folder, ["rerun", id.slice(0, -2)])
    expect(code).toBe(0)
    expect(stdout).toContain("seed 9")
    expect(stdout).toContain(`train: starts (run again to compare with ${id})`)
    expect(stdout).toContain("phase 0, 20 updates")
    expect(stdout).toMatch(/^ +split\.train +([0-9a-f]{12}) +\1 +same$/m)
    expect(stdout).toContain("checked: bit equality; no step depends on the kind of machine\n")
    expect(stdout).toContain(`same bytes: all 5 artifacts of ${id}`)
  })

  it("ends with 1 where bytes differ, names the artifact, and keeps the recorded result", async () => {
    const folder = project()
    const first = events(await thaw(folder, ["run", "drifting.ts", "--json"])).at(-1)!
    const { code, stdout, stderr } = await thaw(folder, ["rerun", await runId(folder)])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^ +steady +([0-9a-f]{12}) +\1 +same$/m)
    expect(stdout).toMatch(/^ +drift +[0-9a-f]{12} +[0-9a-f]{12} +differs +though nothing that decides it changed$/m)
    expect(stderr).toMatch(/^error: rerun of .*: expected the same bytes, got 1 of 2 artifacts with other bytes\.\n$/)
    const second = events(await thaw(folder, ["run", "drifting.ts", "--json"])).at(-1)!
    expect(second["outputs"]).toEqual(first["outputs"])
  })

  it("explains a difference by what changed since", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const id = await runId(folder)
    appendFileSync(path.join(folder, "texts.txt"), "one more\n")
    const { code, stdout } = await thaw(folder, ["rerun", id])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^ +load +[0-9a-f]{12} +[0-9a-f]{12} +differs +the content of path changed$/m)
  })

  it("goes on from no unfinished attempt, an earlier rerun's included", async () => {
    const folder = project()
    await thaw(folder, ["run", "resuming.ts"])
    const id = await runId(folder)
    const stopped = await thaw(folder, ["rerun", id], { RESUMING_FAILS: "1" })
    expect(stopped.code).toBe(1)
    const { code, stdout } = await thaw(folder, ["rerun", id])
    expect(stdout).toMatch(/^ +work +([0-9a-f]{12}) +\1 +same$/m)
    expect(code).toBe(0)
  })

  it("refuses an unknown run and a file that is gone, in one sentence each", async () => {
    const folder = project()
    await thaw(folder, ["run", "drifting.ts"])
    const unknown = await thaw(folder, ["rerun", "19990101"])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toMatch(/^error: run "19990101": expected .*\n$/)
    rmSync(path.join(folder, "drifting.ts"))
    const gone = await thaw(folder, ["rerun", await runId(folder)])
    expect(gone.code).toBe(2)
    expect(gone.stderr).toMatch(/^error: .*drifting\.ts: expected a pipeline's file, got nothing there\./)
  })
})

describe("thaw runs", () => {
  it("lists runs newest first with status and scores, and makes no home to look into", async () => {
    const folder = project()
    const none = await thaw(folder, ["runs"])
    expect(none.stdout).toMatch(/^no runs in .* yet\n$/)
    expect(existsSync(path.join(folder, ".thaw"))).toBe(false)
    await thaw(folder, ["run", "failing.ts"])
    await thaw(folder, ["run", "triage.ts"])
    const lines = (await thaw(folder, ["runs"])).stdout.trimEnd().split("\n")
    expect(lines).toHaveLength(3)
    expect(lines[1]).toMatch(/triage +done +\d+\.\d s +topic accuracy 0\.900$/)
    expect(lines[2]).toMatch(/failing +failed/)
  })
})

describe("thaw curve", () => {
  it("draws the losses of a run's updates and of its evaluations", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const id = await runId(folder)
    const { code, stdout, stderr } = await thaw(folder, ["curve", id.slice(0, -2), "--out", "pictures/losses.svg"])
    expect([code, stderr, stdout]).toEqual([0, "", "pictures/losses.svg\n"])
    const picture = readFileSync(path.join(folder, "pictures/losses.svg"), "utf8")
    expect(picture).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/)
    expect(picture).toContain(`aria-label="Loss over updates of triage, run ${id}"`)
    // Bytes depend on the losses alone.
    await thaw(folder, ["curve", id, "--out", "again.svg"])
    expect(readFileSync(path.join(folder, "again.svg"), "utf8")).toBe(picture)
  })

  it("tells runs apart by their names", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    const first = await runId(folder)
    await thaw(folder, ["run", "triage.ts", "--seed", "9"])
    const second = await runId(folder)
    expect((await thaw(folder, ["curve", first, second])).code).toBe(0)
    const picture = readFileSync(path.join(folder, "curve.svg"), "utf8")
    for (const id of [first, second]) expect(picture).toContain(`>${id}`)
  })

  it("refuses a run that is not there, one that trained nothing, and a file that is no picture", async () => {
    const folder = project()
    await thaw(folder, ["run", "triage.ts"])
    await thaw(folder, ["run", "triage.ts"])
    const id = await runId(folder)
    const kept = await thaw(folder, ["curve", id])
    expect([kept.code, kept.stderr]).toEqual([
      2,
      `error: run "${id}": expected a run that trained, got one without updates. ` +
        "What was kept from an earlier run was trained there; thaw runs lists them.\n",
    ])
    const unknown = await thaw(folder, ["curve", "1999"])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toMatch(/^error: run "1999": expected /)
    const png = await thaw(folder, ["curve", id, "--out", "curve.png"])
    expect([png.code, png.stderr]).toEqual([
      2,
      "error: --out: expected a file that ends with .svg, got curve.png. The picture is drawn as SVG.\n",
    ])
    expect(existsSync(path.join(folder, "curve.svg"))).toBe(false)
  })
})

describe("thaw doctor", () => {
  it("names versions, providers, memory, the store and the arithmetic", async () => {
    const { code, stdout } = await thaw(project(), ["doctor"])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^node +\d+\.\d+\.\d+$/m)
    expect(stdout).toMatch(/^onnxruntime +\d+\.\d+\.\d+$/m)
    expect(stdout).toMatch(/^cpu +available$/m)
    expect(stdout).toMatch(/^webgpu +(available, for --runner gpu|not available: .+)$/m)
    expect(stdout).toMatch(/^arithmetic +[0-9a-f]{64}$/m)
    expect(stdout).toMatch(/^store +.*\.thaw, nothing there yet$/m)
  })

  it("says which hub is asked, whether there is a token, and what its cache holds", async () => {
    const folder = project()
    const settings = { HF_ENDPOINT: "https://hub.example", HF_HUB_CACHE: path.join(folder, "cache"), HF_TOKEN: "" }
    const none = await thaw(folder, ["doctor"], settings)
    expect(none.stdout).toMatch(/^hub +https:\/\/hub\.example$/m)
    expect(none.stdout).toMatch(/^hub token +none; HF_TOKEN gives one$/m)
    expect(none.stdout).toMatch(/^hub cache +.*\/cache, nothing there yet$/m)
    mkdirSync(path.join(folder, "cache/blobs"), { recursive: true })
    writeFileSync(path.join(folder, "cache/blobs/one"), "x".repeat(3000))
    const more = { HF_TOKEN: "hf_secret", HF_HUB_OFFLINE: "1", THAW_HUB_REFRESH: "1" }
    const { code, stdout, stderr } = await thaw(folder, ["doctor"], { ...settings, ...more })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^hub +https:\/\/hub\.example, not asked: HF_HUB_OFFLINE is set$/m)
    expect(stdout).toMatch(/^hub token +set$/m)
    expect(stdout).toMatch(/^hub cache +.*\/cache, (3\.0|2\.9) [kK]i?B$/m)
    expect(stdout).toMatch(/^hub branches +looked up again: THAW_HUB_REFRESH is set$/m)
    expect(stdout + stderr).not.toContain("hf_secret")
  })

  it("does not repeat an endpoint that holds a password", async () => {
    const { stdout, stderr } = await thaw(project(), ["doctor"], { HF_ENDPOINT: "https://me:hunter2@hub.example" })
    expect(stdout).toMatch(/^hub +HF_ENDPOINT: expected an address alone, got one with a user or a password in it\./m)
    expect(stdout + stderr).not.toContain("hunter2")
  })
})

describe("the command line", () => {
  it("suggests what a misspelt command or flag was meant to be", async () => {
    const command = await thaw(project(), ["rnu"])
    expect(command).toMatchObject({ code: 2, stdout: "" })
    expect(command.stderr).toBe('error: thaw: expected one of its commands, got "rnu". Did you mean "run", "runs"?\n')
    const flag = await thaw(project(), ["run", "triage.ts", "--sed", "3"])
    expect(flag.code).toBe(2)
    expect(flag.stderr).toContain("Did you mean --seed")
  })

  it.each([
    [["run"], "thaw run: expected <file>, got nothing."],
    [["run", "triage.ts", "more"], 'expected no more arguments, got "more".'],
    [["run", "triage.ts", "--seed", "x"], 'expected --seed to be an integer, got "x".'],
    [["run", "triage.ts", "--seed", "-1"], "--seed: expected an integer from 0 to 4294967295, got -1."],
    [["run", "triage.ts", "--runner", "lcal"], 'expected --runner to be "local" | "gpu", got "lcal".'],
    [["run", "triage.ts", "--set", "updates"], '--set: expected step.parameter=json, got "updates".'],
    [
      ["run", "triage.ts", "--set", "a.b=c"],
      "--set a.b: expected a value as JSON, got c. Texts are quoted: --set 'a.b=\"c\"'.",
    ],
    [["runs", "--most", "0"], "--most: expected an integer from 1, got 0."],
    [["predict", "folder"], "thaw predict: expected --text, got nothing."],
    [
      ["predict", "folder", "--text", "a"],
      "folder: expected a folder that answers: a checkpoint or an export, got nothing there.",
    ],
    [
      ["predict", "triage.ts", "--text", "a"],
      "triage.ts: expected a folder that answers: a checkpoint or an export, got a file.",
    ],
    [
      ["predict", ".", "--text", "a"],
      ".: expected a folder that answers: a checkpoint or an export, got a folder without config.json or all-heads.onnx.",
    ],
  ])("refuses %j with 2 and one sentence", async (args, sentence) => {
    const { code, stdout, stderr } = await thaw(project(), args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" })
    expect(stderr).toContain(sentence)
    expect(stderr.trimEnd()).not.toContain("\n")
  })

  it("shows help for the whole and for a command", async () => {
    const folder = project()
    const whole = await thaw(folder, ["--help"])
    expect(whole.code).toBe(0)
    for (const name of ["run", "plan", "why", "rerun", "runs", "doctor", "predict"]) {
      expect(whole.stdout).toMatch(new RegExp(`^  ${name} +\\S`, "m"))
    }
    expect((await thaw(folder, ["run", "--help"])).stdout).toContain("--set step.parameter=json")
  })
})
