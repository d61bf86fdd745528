/** A pipeline whose steps compute on a GPU: other content keys, equal curves, and a device process that may die. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import process from "node:process"
import type { RunEvent } from "@thaw/core/RunEvent"
import { Sessions } from "@thaw/onnx/Session"
import * as GpuRunner from "@thaw/runners/GpuRunner"
import { Effect, Layer } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as WebGpu from "../runners/webgpu.ts"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const homes: Array<string> = []
afterAll(() => homes.forEach((home) => rmSync(home, { recursive: true, force: true })))
const newHome = () => {
  const home = mkdtempSync(path.join(tmpdir(), "thaw-gpu-"))
  homes.push(home)
  return home
}

const phase = "Train.phase 1, nothing frozen"
const lossesIn = (events: ReadonlyArray<RunEvent>) =>
  events.flatMap((event) => (event._tag === "update" ? [event.loss] : []))

const hasProc = existsSync("/proc/self/task")
const sessionProcesses = (): ReadonlyArray<number> =>
  readdirSync("/proc/self/task").flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, "utf8")
      .split(" ")
      .filter((pid) => pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("SessionChild"))
      .map(Number),
  )

describe.skipIf(WebGpu.problem !== undefined)(`a pipeline on the device${WebGpu.skipped}`, () => {
  it("trains anew what the processor has trained, with the same losses and scores", async () => {
    const home = newHome()
    const outputs = { trained: Corpus.trained({ epochs: 1, dropout: { hidden: 0.1, attention: 0.1, head: 0.1 } }) }
    const local = World.make({ home })
    await local.run(outputs)
    await local.dispose()
    const gpu = World.make({ home, sessions: GpuRunner.sessions() })
    expect((await gpu.run(outputs)).steps).toEqual({
      "Encoder.fromScratch": "cached",
      "Train.heads": "cached",
      [phase]: "ran",
    })
    expect((await gpu.run(outputs)).steps[phase]).toBe("cached")
    await gpu.dispose()
    const [expected, found] = [lossesIn(local.events), lossesIn(gpu.events)]
    expect(found).toHaveLength(expected.length)
    for (const [at, loss] of expected.entries()) expect(Math.abs(found[at]! - loss) / loss).toBeLessThan(1e-3)
  }, 600_000)

  it.skipIf(!hasProc)(
    "fails with a sentence when its process dies, and goes on from the last save to the same bytes",
    async () => {
      const outputs = { trained: Corpus.trained({ epochs: 2, save: { everyUpdates: 2 } }) }
      // Before the sixth run of any graph the process dies, once.
      let runs = 0
      const dying = Layer.effect(
        Sessions,
        Effect.map(Sessions, (sessions) => ({
          ...sessions,
          open: Effect.map(sessions.open, (device) => ({
            ...device,
            session: (graph: Parameters<typeof device.session>[0]) =>
              Effect.map(device.session(graph), (session) => ({
                run: (request: Parameters<typeof session.run>[0]) =>
                  Effect.suspend(() => {
                    if (++runs === 6) for (const pid of sessionProcesses()) process.kill(pid, "SIGKILL")
                    return session.run(request)
                  }),
              })),
          })),
        })),
      ).pipe(Layer.provide(GpuRunner.sessions()))
      const world = World.make({ home: newHome(), sessions: dying })
      const failure = await world.failure(outputs)
      expect(failure).toMatchObject({
        _tag: "StepFailed",
        step: phase,
        tag: "SessionFailed",
        problem: expect.stringMatching(
          /^session process \d+: expected to be running, got its end by signal SIGKILL \(out of memory, if nobody sent it\)/,
        ) as string,
      })
      const again = await world.run(outputs)
      const noticed = world.events.flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
      expect(noticed.join("\n")).toMatch(/goes on after update [24] of \d+, where an earlier attempt was stopped/)
      await world.dispose()
      const untroubled = World.make({ sessions: GpuRunner.sessions() })
      expect((await untroubled.run(outputs)).hashes.trained).toBe(again.hashes.trained)
      await untroubled.dispose()
    },
    600_000,
  )
})
