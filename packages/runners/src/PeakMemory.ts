/** The most memory of this process that was resident at once, since it began. */
import { readFileSync } from "node:fs"
import process from "node:process"

/** In bytes. Where Linux keeps its own record (proc(5), VmHWM) that is asked, elsewhere getrusage(2). */
export const bytes = (): number => recorded() ?? 1024 * process.resourceUsage().maxRSS

const recorded = (): number | undefined => {
  if (process.platform !== "linux") return undefined
  try {
    const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
    return kilobytes === undefined ? undefined : 1024 * Number(kilobytes)
  } catch {
    return undefined
  }
}
