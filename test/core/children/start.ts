/** Starts one of the programs in this folder in a process of its own. */
import { spawn } from "node:child_process"
import type { ChildProcess, ChildProcessByStdio } from "node:child_process"
import { join } from "node:path"
import type { Readable } from "node:stream"

/** `line` is its first line of output, `exit` its exit code. */
export interface Started {
  readonly child: ChildProcess
  readonly line: Promise<string>
  readonly exit: Promise<number | null>
}

const follow = (program: string, child: ChildProcessByStdio<null, Readable, null>): Started => {
  const exit = new Promise<number | null>((resolve) => child.once("exit", resolve))
  const line = new Promise<string>((resolve, reject) => {
    let text = ""
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")))
    })
    child.stdout.once("end", () => reject(new Error(`${program} ended without a line`)))
  })
  return { child, line, exit }
}

const pathOf = (program: string) => join(import.meta.dirname, program)

export const start = (program: string, ...args: ReadonlyArray<string>): Started =>
  follow(program, spawn(process.execPath, [pathOf(program), ...args], { stdio: ["ignore", "pipe", "inherit"] }))

/** The same where no file may grow beyond a limit in blocks of 512 or 1024 bytes: the writes fail as on a full disk. */
export const startLimited = (blocks: number, program: string, ...args: ReadonlyArray<string>): Started =>
  follow(
    program,
    spawn("sh", ["-c", `ulimit -f ${blocks} && exec "$0" "$@"`, process.execPath, pathOf(program), ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    }),
  )
