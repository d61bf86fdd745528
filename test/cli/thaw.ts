/** The command as a shell starts it, in a project of its own that is gone after the test. */
import { spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { cpSync, mkdtempSync, rmSync } from "node:fs"
import * as path from "node:path"
import { onTestFinished } from "vitest"

const main = path.resolve(import.meta.dirname, "../../packages/cli/src/main.ts")

/**
 * A folder with copies of the fixtures and a home, removed with the test. It lies in the test tree, where imports of
 * the packages resolve.
 */
export const project = (): string => {
  const folder = mkdtempSync(path.join(import.meta.dirname, "project-"))
  cpSync(path.join(import.meta.dirname, "fixtures"), folder, { recursive: true })
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** When standard output has this text. */
  readonly shown: (text: string) => Promise<void>
}

export const start = (
  folder: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  timeoutMillis = 55_000,
): Started => {
  const { NO_COLOR: _, THAW_DEBUG: __, ...inherited } = process.env
  const child = spawn(process.execPath, [main, ...args], {
    cwd: folder,
    env: { ...inherited, THAW_HOME: path.join(folder, ".thaw"), ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMillis,
  })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })))
  // Before the project is removed, also where the test gave up waiting: hooks run last first.
  onTestFinished(async () => {
    child.kill("SIGKILL")
    await ended
  })
  const shown = (text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => stdout.includes(text) && resolve()
      child.stdout.on("data", look)
      void ended.then(() => reject(new Error(`ended without showing ${text}:\n${stdout}\n${stderr}`)))
      look()
    })
  return { child, ended, shown }
}

export const thaw = (
  folder: string,
  args: ReadonlyArray<string>,
  environment: Readonly<Record<string, string>> = {},
  timeoutMillis?: number,
): Promise<Ended> => start(folder, args, environment, timeoutMillis).ended

/** Standard output as the events of `--json`. */
export const events = ({
  stdout,
}: Ended): ReadonlyArray<{ readonly event: string; readonly [field: string]: unknown }> =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string })
