import * as fs from "node:fs"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import { keyOf } from "@thaw/core/ContentKey"
import { Effect, Fiber } from "effect"
import { describe, expect, it } from "vitest"
import { start } from "./children/start.ts"
import { ingredients } from "./stepRuns.ts"
import { artifactsOf, edit, failing, folderOf, inFolder, poem, root, scratchesOf, within } from "./inStore.ts"
import type { Store } from "./inStore.ts"

describe("scratch", () => {
  it("is empty, the step run's own, and gone with its scope", async () => {
    const [first, second] = await inFolder((store) =>
      Effect.gen(function* () {
        const folders = [yield* store.scratch, yield* store.scratch] as const
        expect(folders.map((folder) => fs.readdirSync(folder))).toEqual([[], []])
        fs.mkdirSync(join(folders[0], "deep"))
        fs.writeFileSync(join(folders[0], "deep", "half.bin"), "half")
        return folders
      }),
    )
    expect(first).not.toBe(second)
    expect([fs.existsSync(first), fs.existsSync(second)]).toEqual([false, false])
  })

  it("is gone when the scope is interrupted", async () => {
    const kept: Array<string> = []
    await inFolder((store) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(
          Effect.scoped(
            Effect.gen(function* () {
              kept.push(yield* store.scratch)
              yield* Effect.never
            }),
          ),
        )
        while (kept.length === 0) yield* Effect.sleep("5 millis")
        expect(fs.existsSync(kept[0]!)).toBe(true)
        yield* Fiber.interrupt(fiber)
      }),
    )
    expect(fs.existsSync(kept[0]!)).toBe(false)
  })

  it("holds nothing, and artifacts neither, after a put that was interrupted at any moment", async () => {
    const big = new Map([0, 1, 2, 3, 4, 5].map((n) => [`${n}.bin`, Artifact.bytes(new Uint8Array(200_000).fill(n))]))
    for (const delay of [0, 1, 2, 4, 8]) {
      const done = await inFolder((store) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(store.put("big", big))
          yield* Effect.sleep(delay)
          yield* Fiber.interrupt(fiber)
          return fs.readdirSync(artifactsOf())
        }),
      )
      for (const hash of done) await inFolder((store) => store.get({ kind: "big", hash }))
      expect(fs.readdirSync(scratchesOf())).toEqual([])
      fs.rmSync(artifactsOf(), { recursive: true })
    }
  })

  it("of a killed process is removed when the store is opened next, and not before the process has ended", async () => {
    const { child, line, exit } = start("holdScratch.ts", root)
    const folder = await line
    await inFolder(() => Effect.void)
    expect(fs.readdirSync(folder)).toEqual(["half.bin"])
    child.kill("SIGKILL")
    await exit
    const elsewhere = join(scratchesOf(), "00000000-1-1-abc")
    fs.mkdirSync(elsewhere)
    await inFolder(() => Effect.void)
    expect(fs.existsSync(folder)).toBe(false)
    // The process with that number runs on another machine.
    expect(fs.existsSync(elsewhere)).toBe(true)
  })
})

describe.skipIf(process.platform !== "linux")("scratch of an ended process", () => {
  it("is removed also when another process has its number now", async () => {
    const names = await inFolder((store) =>
      Effect.gen(function* () {
        const [machine, pid, started, random] = (yield* store.scratch).slice(scratchesOf().length + 1).split("-")
        const made = {
          live: [machine, pid, started, `${random}0`].join("-"),
          ended: [machine, pid, "1", random].join("-"),
        }
        for (const name of Object.values(made)) fs.mkdirSync(join(scratchesOf(), name))
        return made
      }),
    )
    await inFolder(() => Effect.void)
    expect(fs.readdirSync(scratchesOf())).toEqual([names.live])
  })
})

describe("a store shared by processes", () => {
  it("keeps the same artifacts once and the others all when two processes put at the same time", async () => {
    const count = 40
    const started = ["ada", "bob"].map((name) => start("putArtifacts.ts", root, name, String(count)))
    const hashes = (await Promise.all(started.map(({ line }) => line))).map((line) => JSON.parse(line) as Array<string>)
    expect(await Promise.all(started.map(({ exit }) => exit))).toEqual([0, 0])
    const [ada, bob] = hashes.map((list) => new Set(list))
    expect([...ada!].filter((hash) => bob!.has(hash))).toHaveLength(count)
    expect(fs.readdirSync(artifactsOf()).sort()).toEqual([...new Set(hashes.flat())].sort())
    expect(fs.readdirSync(artifactsOf())).toHaveLength(3 * count)
    expect(fs.readdirSync(scratchesOf())).toEqual([])
    await inFolder((store) => Effect.forEach([...ada!, ...bob!], (hash) => store.get({ kind: "text", hash })))
  })
})

describe("results of step runs", () => {
  const resultWith = (reference: Artifact.Reference): ArtifactStore.StepResult => ({
    key: keyOf(ingredients("write", 3)),
    ingredients: ingredients("write", 3),
    code: "ef".repeat(32),
    outputs: { value: reference },
    seconds: 1.5,
    finishedAt: "2026-11-23T06:15:43.000Z",
  })
  const remembered = async () => {
    const reference = await inFolder((store) => store.put("poem", poem()))
    const result = resultWith(reference)
    await inFolder((store) => store.remember(result))
    return { reference, result, path: join(root, "store", "results", `${result.key}.json`) }
  }

  it.each([
    ["folder", () => ArtifactStore.folder(root)],
    ["memory", () => ArtifactStore.memory],
  ] as const)("are recalled as they were remembered, and unknown keys are not (%s)", async (_, layer) => {
    await within(layer(), (store) =>
      Effect.gen(function* () {
        const result = resultWith(yield* store.put("poem", poem()))
        expect(yield* store.recall(result.key)).toBeUndefined()
        yield* store.remember(result)
        yield* store.remember(result)
        expect(yield* store.recall(result.key)).toEqual(result)
        expect(yield* store.recall("0".repeat(64))).toBeUndefined()
        expect(yield* store.recall("../../../etc/passwd")).toBeUndefined()
      }),
    )
  })

  it("are not recalled when an artifact of theirs is gone", async () => {
    const { reference, result } = await remembered()
    fs.rmSync(folderOf(reference), { recursive: true, force: true })
    expect(await inFolder((store) => store.recall(result.key))).toBeUndefined()
  })

  it("are refused when an artifact of theirs is damaged", async () => {
    const { reference, result } = await remembered()
    edit(join(folderOf(reference), "files/poem.txt"), "ice")
    expect((await failing((store) => store.recall(result.key))).where).toContain("poem.txt")
  })

  it.each([
    ["no JSON", () => "{"],
    ["another result", (text: string) => text.replace(/"key":"./, `"key":"z`)],
    ["a result without its outputs", (text: string) => text.replace(`"outputs"`, `"output"`)],
  ])("are refused when their file is %s", async (_, change) => {
    const { result, path } = await remembered()
    fs.writeFileSync(path, change(fs.readFileSync(path, "utf8")))
    const error = await failing((store) => store.recall(result.key))
    expect(error).toMatchObject({ where: path, advice: "Remove it and run again." })
  })
})

describe("a place that cannot be used", () => {
  const opening = () =>
    Effect.runPromise(
      ArtifactStore.ArtifactStore.pipe(Effect.provide(ArtifactStore.folder(join(root, "here"))), Effect.flip),
    )

  it("is named when it is a file", async () => {
    fs.writeFileSync(join(root, "here"), "")
    const error = await opening()
    expect(error.message).toContain(join(root, "here", "store"))
    expect(error.message).toContain("expected a folder that can be written, got a file where a folder should be.")
  })

  it.skipIf(process.getuid?.() === 0)("is named when there is no permission", async () => {
    fs.mkdirSync(join(root, "here"), { mode: 0o500 })
    expect((await opening()).message).toContain("expected a folder that can be written, got no permission.")
  })
})

it("tells where an artifact's files lie, and that they lie nowhere in memory", async () => {
  const place = (store: Store) => Effect.flatMap(store.put("poem", poem()), store.path)
  const path = await inFolder(place)
  expect(fs.readFileSync(join(path ?? "", "poem.txt"), "utf8")).toBe("ice melts\n")
  expect(await within(ArtifactStore.memory, place)).toBeUndefined()
})
