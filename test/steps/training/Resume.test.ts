import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { createInterface } from "node:readline"
import * as Seed from "@thaw/core/Seed"
import { afterAll, expect, it } from "vitest"

const homes: Array<string> = []
afterAll(() => homes.forEach((home) => rmSync(home, { recursive: true, force: true })))
const newHome = () => {
  const home = mkdtempSync(path.join(tmpdir(), "thaw-resume-"))
  homes.push(home)
  return home
}

/** When to kill: after so many lines and so many milliseconds more, or as soon as the condition holds. */
interface Moment {
  readonly lines: number
  readonly millis: number
  readonly as?: (home: string, line: string) => boolean
}

/** One attempt; the hash it ended with, or undefined where it was killed. */
const attempt = (
  home: string,
  moment?: Moment,
): Promise<{ readonly hash: string | undefined; readonly said: ReadonlyArray<string> }> =>
  new Promise((resolve, reject) => {
    const entry = path.join(import.meta.dirname, "children/fourPhases.ts")
    const child = spawn(process.execPath, [entry, home], { stdio: ["ignore", "pipe", "pipe"] })
    const said: Array<string> = []
    let errors = ""
    const kill = () => child.kill("SIGKILL")
    let timer: NodeJS.Timeout | undefined
    let watch: NodeJS.Timeout | undefined
    if (moment?.as !== undefined) watch = setInterval(() => moment.as!(home, said.at(-1) ?? "") && kill(), 1)
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text))
    createInterface({ input: child.stdout }).on("line", (line) => {
      said.push(line)
      if (moment !== undefined && moment.as === undefined && said.length === moment.lines) {
        timer = setTimeout(kill, moment.millis)
      }
    })
    child.on("close", (code, signal) => {
      clearTimeout(timer)
      clearInterval(watch)
      const last = said.at(-1)
      if (signal === "SIGKILL") resolve({ hash: undefined, said })
      else if (code === 0 && last?.startsWith("hash ")) resolve({ hash: last.slice("hash ".length), said })
      else reject(new Error(`the attempt ended with ${code ?? signal}: ${errors}`))
    })
  })

const namesBelow = (folder: string): ReadonlyArray<string> =>
  existsSync(folder)
    ? readdirSync(folder).flatMap((key) => [
        key,
        ...(key.endsWith(".owner") ? [] : readdirSync(path.join(folder, key))),
      ])
    : []

/** While a checkpoint of the phase's progress is being written. */
const writing: Moment = {
  lines: 0,
  millis: 0,
  as: (home) => {
    try {
      return namesBelow(path.join(home, "store/progress")).some((name) => name.startsWith("new-"))
    } catch {
      // A folder that vanished meanwhile.
      return false
    }
  },
}

/** After a phase and before the next has made an update. */
const between: Moment = { lines: 0, millis: 0, as: (_, line) => line === "phaseFinished" }

const kills = process.env["THAW_SLOW"] === "1" ? 40 : 5

it(
  `a run of four phases that is killed at ${kills} moments ends with the same bytes as one that was left alone`,
  async () => {
    const alone = await attempt(newHome())
    const lines = alone.said.length
    expect(alone.said.filter((line) => line === "phaseStarted")).toHaveLength(4)
    const random = Seed.stream(Seed.make(11), "moments")
    const home = { path: newHome(), attempts: 0 }
    let resumed = 0
    for (let kill = 0; kill < kills; kill++) {
      const moment =
        kill % 5 === 1
          ? writing
          : kill % 5 === 3
            ? between
            : { lines: 1 + random.int(lines - 2), millis: random.int(20) }
      const { hash, said } = await attempt(home.path, moment)
      home.attempts++
      const first = said.find((line) => line.startsWith("update "))
      if (first !== undefined && !first.endsWith(" 1")) resumed++
      if (hash !== undefined) {
        expect(hash).toBe(alone.hash)
        home.path = newHome()
        home.attempts = 0
      }
    }
    const last = await attempt(home.path)
    expect(last.hash).toBe(alone.hash)
    const first = last.said.find((line) => line.startsWith("update "))
    if (first !== undefined && !first.endsWith(" 1")) resumed++
    expect(resumed).toBeGreaterThan(0)
  },
  kills * 60_000,
)
