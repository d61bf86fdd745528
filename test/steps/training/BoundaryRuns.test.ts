/** The boundary cache as runs of pipelines share it. */
import { execFile } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import { promisify } from "node:util"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import type { RunEvent } from "@thaw/core/RunEvent"
import * as Freeze from "@thaw/steps/Freeze"
import { Effect } from "effect"
import { afterAll, describe, expect, it } from "vitest"
import * as World from "../world.ts"
import * as Frozen from "./frozen.ts"

const root = mkdtempSync(path.join(tmpdir(), "thaw-boundary-runs-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What a run tells of its boundaries: the reports of its phases, and for how many examples the frozen part was run. */
const told = (events: ReadonlyArray<RunEvent>) => ({
  reports: events.flatMap((event) => (event._tag === "phaseStarted" ? [event.boundary] : [])),
  computed: events
    .flatMap((event) => (event._tag === "progressed" && event.unit === "frozen examples" ? [event.done] : []))
    .reduce((most, done) => Math.max(most, done), 0),
})

const runIn = async (home: string, trained: ReturnType<typeof Frozen.trained>) => {
  const world = World.make({ home })
  const { hashes } = await world.run({ trained })
  await world.dispose()
  return { hash: hashes.trained, ...told(world.events) }
}

describe("what the frozen part gives", () => {
  const home = path.join(root, "shared")

  it("is computed once for pipelines that share encoder and data, and by a phase again that has more to freeze", async () => {
    const first = await runIn(home, Frozen.trained(1e-2))
    // One vector of 16 numbers for each of the 24 examples.
    const report = { group: "block.1", cached: true, bytes: 24 * 16 * 4 }
    expect([first.reports, first.computed]).toEqual([[report], 24])
    const second = await runIn(home, Frozen.trained(2e-2))
    expect([second.reports, second.computed]).toEqual([[report], 0])
    expect(second.hash).not.toBe(first.hash)

    const without = await runIn(path.join(root, "without"), Frozen.trained(2e-2, { cache: { budgetBytes: 0 } }))
    expect(without.reports).toEqual([{ ...report, cached: false, bytes: 0 }])
    expect([without.computed, without.hash]).toEqual([0, second.hash])

    const upper = await runIn(home, Frozen.trained(1e-2, { freeze: Freeze.belowBlock(1) }))
    expect(upper.reports[0]).toMatchObject({ group: "block.0", cached: true })
    expect(upper.computed).toBe(24)
  })

  it("may be computed by two processes at once", async () => {
    const together = path.join(root, "together")
    const child = path.join(import.meta.dirname, "children/frozen.ts")
    const hashes = await Promise.all(
      ["0.01", "0.02"].map(async (rate) => {
        const { stdout } = await promisify(execFile)(process.execPath, [child, together, rate])
        return stdout.trim()
      }),
    )
    const alone = await Promise.all(
      [1e-2, 2e-2].map((rate) => runIn(path.join(root, String(rate)), Frozen.trained(rate))),
    )
    expect(hashes).toEqual(alone.map(({ hash }) => hash))
    const cache = path.join(together, "store/cache/boundary")
    const files = readdirSync(cache).map((key) => readdirSync(path.join(cache, key)))
    expect(files).toEqual([[expect.stringMatching(/^0-[0-9a-f]{64}\.arrow$/)]])
  })

  it("ends with a store in memory", async () => {
    const folder = await Effect.runPromise(
      Effect.flatMap(ArtifactStore.ArtifactStore, ({ cache }) =>
        Effect.map(Effect.all([cache, cache]), ([one, other]) => {
          expect([one === other, existsSync(one)]).toEqual([true, true])
          return one
        }),
      ).pipe(Effect.provide(ArtifactStore.memory)),
    )
    expect(existsSync(folder)).toBe(false)
  })

  it("says in half precision what that does to the loss", async () => {
    const world = World.make()
    await world.run({ trained: Frozen.trained(1e-2, { cache: { precision: "fp16" } }) })
    const notices = world.events.flatMap((event) => (event._tag === "noticed" ? [event.message] : []))
    await world.dispose()
    const [, kept, exact] =
      /kept in half precision: the first loss is (\S+), and (\S+) without/.exec(notices.join("\n")) ?? []
    expect(Number(kept)).toBeCloseTo(Number(exact), 2)
    expect(kept).not.toBe(exact)
    expect(told(world.events).reports).toEqual([{ group: "block.1", cached: true, bytes: 24 * 16 * 2 }])
  })
})
