/** Real training from the shell, stopped in its midst: by Ctrl-C, and by the end of the process that computes. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { events, project, start, thaw } from "./thaw.ts"
import type { Started } from "./thaw.ts"

const hasProc = existsSync("/proc/self/task")

/** A project whose training lasts far longer than the test, unless `EPOCHS` says otherwise. */
const training = () => {
  const folder = project()
  writeFileSync(
    path.join(folder, "long.ts"),
    `import { Pipeline } from "@thaw/core"
import * as Corpus from "../../steps/corpus.ts"
const trained = Corpus.trained({ epochs: Number(process.env.EPOCHS ?? 100000) })
export default Pipeline.make("long", { seed: 7, outputs: { trained } })
`,
  )
  return folder
}

/** Session processes of a command. */
const sessions = ({ child }: Started): ReadonlyArray<number> =>
  readdirSync(`/proc/${child.pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${child.pid}/task/${thread}/children`, "utf8")
      .split(" ")
      .filter((pid) => pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("SessionChild"))
      .map(Number),
  )

const isRunning = (pid: number) => existsSync(`/proc/${pid}`)

const patience = 120_000

describe.skipIf(!hasProc)("training that is stopped", () => {
  it(
    "by Ctrl-C ends at once with its session process, and keeps what was finished",
    async () => {
      const folder = training()
      const started = start(folder, ["run", "long.ts", "--json"])
      await started.shown('"event":"update"')
      const computing = sessions(started)
      expect(computing).toHaveLength(1)
      const asked = Date.now()
      started.child.kill("SIGINT")
      const ended = await started.ended
      expect(ended.code).toBe(130)
      expect(Date.now() - asked).toBeLessThan(10_000)
      expect(computing.filter(isRunning)).toEqual([])
      expect(events(ended).at(-1)).toMatchObject({ event: "runFinished", status: "interrupted" })
      expect(readdirSync(path.join(folder, ".thaw/store/results"))).toHaveLength(2)
      expect(readdirSync(path.join(folder, ".thaw/store/scratch"))).toEqual([])
    },
    patience,
  )

  it(
    "by the end of its session process fails with one sentence; the next run starts the phase again",
    async () => {
      const folder = training()
      const started = start(folder, ["run", "long.ts", "--json"])
      await started.shown('"event":"update"')
      for (const pid of sessions(started)) process.kill(pid, "SIGKILL")
      const ended = await started.ended
      expect(ended.code).toBe(1)
      const last = events(ended).at(-1)
      expect(last).toMatchObject({
        event: "failed",
        step: "Train.phase 1, nothing frozen",
        error: { _tag: "SessionFailed" },
      })
      expect((last!["error"] as { readonly message: string }).message).toMatch(
        /^session process \d+: expected to be running, got its end by signal SIGKILL/,
      )
      expect((await thaw(folder, ["runs"])).stdout).toMatch(/long +failed/)

      const again = events(await thaw(folder, ["run", "long.ts", "--json"], { EPOCHS: "1" }))
      expect(
        again.flatMap((event) => (event.event === "stepFinished" ? [[event["step"], event["cached"]]] : [])),
      ).toEqual([
        ["Encoder.fromScratch", true],
        ["Train.heads", true],
        ["Train.phase 1, nothing frozen", false],
      ])
    },
    patience,
  )
})
