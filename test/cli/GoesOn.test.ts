/** Training that Ctrl-C stopped goes on where it was, and the shell says so both times. */
import { writeFileSync } from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"
import { project, start, thaw } from "./thaw.ts"

it("training that was stopped by Ctrl-C goes on after the update that it saved, and shows what phases did to tasks", async () => {
  const folder = project()
  writeFileSync(
    path.join(folder, "phases.ts"),
    `import { Pipeline } from "@thaw/core"
import { Freeze } from "@thaw/steps"
import * as Corpus from "../../steps/corpus.ts"
const freeze = Freeze.phases([{ freeze: Freeze.backbone(), epochs: 60 }, { train: ["block.1", "head.topic"], epochs: 1 }])
export default Pipeline.make("phases", { seed: 7, outputs: { trained: Corpus.trained({ freeze }) } })
`,
  )
  const running = start(folder, ["run", "phases.ts", "--json"])
  await running.shown('"update":20,')
  running.child.kill("SIGINT")
  const stopped = await running.ended
  expect(stopped.code).toBe(130)
  const saved = /"event":"saved","step":"Train.phase 1, backbone frozen","phase":1,"update":(\d+),"of":240/.exec(
    stopped.stdout,
  )
  expect(Number(saved?.[1])).toBeGreaterThanOrEqual(20)

  const again = await thaw(folder, ["run", "phases.ts"])
  expect(again.code).toBe(0)
  expect(again.stdout).toContain(
    `Train.phase 1, backbone frozen: goes on after update ${saved![1]} of 240, where an earlier attempt was stopped\n`,
  )
  const shown = again.stdout.slice(again.stdout.indexOf("after each phase"))
  expect(shown).toMatch(/^after each phase {2}validation, Train\.phase 2, \S.* the last\n/)
  expect(shown).toMatch(/task +phase 1 +phase 2 +against its best +since frozen\n/)
  // Mood's head was frozen in the second phase.
  expect(shown).toMatch(/mood +macroF1 +[\d.]+ +[\d.]+ +[±+−][\d.]+ \(phase [12]\) +[±+−][\d.]+ \(phase 1\)\n/)
  expect(shown).toMatch(/topic +macroF1 +[\d.]+ +[\d.]+ +[±+−][\d.]+ \(phase [12]\)\n/)
  expect(shown).toMatch(/encoder +cosine to its start +0\.\d+\n/)
}, 120_000)
