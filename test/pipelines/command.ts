/** The example pipelines through the real command, with a home that is gone afterwards. */
import { execFile } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import type * as Scores from "@thaw/steps/Scores"

const root = path.resolve(import.meta.dirname, "../..")
const main = path.join(root, "packages/cli/src/main.ts")

/** Training takes a minute or two; ten on a machine that is busy otherwise. */
export const patience = 600_000

export interface Event {
  readonly event: string
  readonly [field: string]: unknown
}

export const command = () => {
  const home = mkdtempSync(path.join(tmpdir(), "thaw-home-"))
  const thaw = async (...args: ReadonlyArray<string>): Promise<string> => {
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], {
      cwd: root,
      env: { ...process.env, THAW_HOME: home },
      maxBuffer: 2 ** 28,
    })
    return stdout
  }
  const lines = (stdout: string) =>
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown)
  return {
    /** Events of a run that has to succeed. */
    run: async (file: string, ...flags: ReadonlyArray<string>) =>
      lines(await thaw("run", file, ...flags, "--json")) as ReadonlyArray<Event>,
    /** Answers for texts from the exported folder of the pipeline's output `model`. */
    predict: async (pipeline: string, ...texts: ReadonlyArray<string>) =>
      lines(
        await thaw(
          "predict",
          path.join(home, "outputs", pipeline, "model"),
          ...texts.flatMap((text) => ["--text", text]),
          "--json",
        ),
      ),
    /** Scores of an output of the pipeline, by task. */
    scores: (pipeline: string, output = "scores") => {
      const file = path.join(home, "outputs", pipeline, output, "value.json")
      const { tasks } = JSON.parse(readFileSync(file, "utf8")) as Scores.Scores
      return Object.fromEntries(tasks.map((scores) => [scores.task, scores]))
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  }
}

export const cached = (events: ReadonlyArray<Event>): ReadonlyArray<unknown> =>
  events.filter(({ event }) => event === "stepFinished").map((event) => event["cached"])
