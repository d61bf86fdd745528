import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { SessionFailed } from "@thaw/onnx/Errors"
import { Sessions } from "@thaw/onnx/Session"
import * as SessionProcess from "@thaw/runners/SessionProcess"
import { Cause, Effect, Exit, Layer } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as Corpus from "./corpus.ts"
import * as World from "./world.ts"

const homes: Array<string> = []
afterAll(() => homes.forEach((home) => rmSync(home, { recursive: true, force: true })))
const newHome = () => {
  const home = mkdtempSync(path.join(tmpdir(), "thaw-home-"))
  homes.push(home)
  return home
}

const hasProc = existsSync("/proc/self/task")

/** Session processes of this test process. */
const children = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/task").flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, "utf8")
      .split(" ")
      .filter((pid) => pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("SessionChild")),
  )

const filesBelow = (folder: string): ReadonlyArray<string> =>
  existsSync(folder) ? (readdirSync(folder, { recursive: true }) as Array<string>) : []

const encoderAndHeads = { "Encoder.fromScratch": "cached", "Train.heads": "cached" }

describe("a run that is interrupted during training", () => {
  it.skipIf(!hasProc)("ends soon, ends its process, keeps what was finished and nothing else", async () => {
    const home = newHome()
    const world = World.make({ home })
    const outputs = { trained: Corpus.trained({ epochs: 400 }) }
    let during: ReadonlyArray<string> = []
    const { exit, millis } = await world.interrupted(outputs, (event) => {
      if (event._tag !== "update" || event.update < 5) return false
      during = children()
      return true
    })
    expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
    expect(millis).toBeLessThan(5000)
    expect(during).toHaveLength(1)
    expect(children()).toEqual([])
    expect(await world.status()).toBe("interrupted")
    expect(filesBelow(path.join(home, "store/scratch"))).toEqual([])
    expect(filesBelow(path.join(home, "store")).filter((name) => name.endsWith(".tmp"))).toEqual([])
    expect(readdirSync(path.join(home, "store/results"))).toHaveLength(2)

    const again = await world.run({ trained: Corpus.trained() })
    expect(again.steps).toEqual({ ...encoderAndHeads, "Train.phase 1, nothing frozen": "ran" })
    await world.dispose()
  })
})

describe("a device that fails during training", () => {
  it("fails the step with its sentence; the next run starts the phase again", async () => {
    // The sixth run of any graph fails, once.
    let runs = 0
    const failing = Layer.effect(
      Sessions,
      Effect.map(Sessions, (sessions) => ({
        ...sessions,
        open: Effect.map(sessions.open, (device) => ({
          ...device,
          session: (graph: Parameters<typeof device.session>[0]) =>
            Effect.map(device.session(graph), (session) => ({
              run: (request: Parameters<typeof session.run>[0]) =>
                Effect.suspend(() =>
                  ++runs === 6
                    ? Effect.fail(
                        new SessionFailed({
                          where: "device",
                          expected: "power",
                          got: "none",
                          advice: "Wait a little.",
                        }),
                      )
                    : session.run(request),
                ),
            })),
        })),
      })),
    ).pipe(Layer.provide(SessionProcess.layer({ threads: 1 })))
    const world = World.make({ sessions: failing })
    const failure = await world.failure({ trained: Corpus.trained() })
    expect(failure).toMatchObject({
      _tag: "StepFailed",
      step: "Train.phase 1, nothing frozen",
      tag: "SessionFailed",
      problem: "device: expected power, got none. Wait a little.",
    })
    expect(await world.status()).toBe("failed")
    const again = await world.run({ trained: Corpus.trained() })
    expect(again.steps).toEqual({ ...encoderAndHeads, "Train.phase 1, nothing frozen": "ran" })
    expect(await world.status()).toBe("done")
    const untroubled = World.make()
    expect((await untroubled.run({ trained: Corpus.trained() })).hashes.trained).toBe(again.hashes.trained)
    await Promise.all([world.dispose(), untroubled.dispose()])
  })
})
