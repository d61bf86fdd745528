/**
 * The mark of a process: a name that tells whether what carries it belongs to a process that still lives.
 *
 * `<machine>-<pid>-<start>`. A pid is used again after its process has ended, so the start time stands beside it: field
 * 22 of /proc/<pid>/stat (proc_pid_stat(5)), 0 on systems without it. A pid means nothing outside its machine and its
 * pid namespace, so both are hashed into the first part.
 */
import { createHash } from "node:crypto"
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"

const orElse = <A>(attempt: () => A, other: A): A => {
  try {
    return attempt()
  } catch {
    return other
  }
}

const machine = createHash("sha256")
  .update(`${hostname()} ${orElse(() => readlinkSync("/proc/self/ns/pid"), "")}`)
  .digest("hex")
  .slice(0, 8)

/** The second field, the program's name, may hold spaces and parentheses: fields are counted after its end. */
const startOf = (pid: number): string =>
  orElse(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "0"
  }, "0")

/** The mark of this process. */
export const own = `${machine}-${process.pid}-${startOf(process.pid)}`

const exists = (pid: number): boolean => {
  try {
    // Signal 0 only asks.
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code !== "ESRCH"
  }
}

/** Whether the process with the mark at the start of `name` has certainly ended. A process of another machine has not. */
export const isGone = (name: string): boolean => {
  const [from, pidText, start] = name.split("-")
  const pid = Number(pidText)
  if (from !== machine || !Number.isInteger(pid) || pid <= 0 || start === undefined) return false
  return !exists(pid) || startOf(pid) !== start
}
