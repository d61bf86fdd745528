import { spawn } from "node:child_process"
import { readdirSync, renameSync, statSync } from "node:fs"
import path from "node:path"
import { expect, it, onTestFinished } from "vitest"
import * as FakeHub from "./fakeHub.ts"
import * as World from "./world.ts"

const script = path.join(import.meta.dirname, "children/fetchFiles.ts")

const begin = (hub: FakeHub.FakeHub, ...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...process.env, HF_ENDPOINT: hub.url, HF_HUB_CACHE: hub.cache },
    stdio: ["ignore", "pipe", "pipe"],
  })
  onTestFinished(() => void child.kill("SIGKILL"))
  let said = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text))
  const ended = new Promise<{ code: number | null; said: string }>((resolve) =>
    child.on("close", (code) => resolve({ code, said })),
  )
  return { child, ended }
}

const parquet = "data/train.parquet"
const blobs = (hub: FakeHub.FakeHub) => path.join(hub.cache, "datasets--acme--moods/blobs")

it("two processes may want the same files at once", async () => {
  const hub = await FakeHub.start(World.dataset)
  // Whoever comes first waits for the other, so both download.
  const waiting: Array<() => void> = []
  hub.misbehaveOnce(
    /topsecret/,
    (response) => {
      waiting.push(() => response.writeHead(200).end(World.large))
      if (waiting.length === 2) for (const go of waiting) go()
    },
    2,
  )
  const both = [begin(hub, World.address, parquet), begin(hub, World.address, parquet, "config.json")]
  const ended = await Promise.all(both.map(({ ended }) => ended))
  const folder = path.join(hub.cache, "datasets--acme--moods/snapshots", World.first)
  expect(ended).toEqual([
    { code: 0, said: folder },
    { code: 0, said: folder },
  ])
  expect(World.read(folder, parquet)).toEqual(World.large)
  expect(readdirSync(blobs(hub)).filter((name) => name.endsWith(".incomplete"))).toEqual([])
})

it("what a killed process had of a file is gone on with", async () => {
  const hub = await FakeHub.start(World.dataset)
  let arrived = () => {}
  const half = new Promise<void>((resolve) => (arrived = resolve))
  hub.misbehaveOnce(/topsecret/, (response) => {
    response.writeHead(206, { "content-range": `bytes 0-${World.large.length - 1}/${World.large.length}` })
    response.write(World.large.subarray(0, 150_000), () => arrived())
  })
  const first = begin(hub, World.address, parquet)
  await half
  const partial = await partialIn(blobs(hub))
  first.child.kill("SIGKILL")
  await first.ended
  expect(readdirSync(blobs(hub))).toContain(partial)
  hub.requests.length = 0
  const { code, said } = await begin(hub, World.address, parquet).ended
  expect(code, said).toBe(0)
  expect(World.read(said, parquet)).toEqual(World.large)
  const [from] = hub.requests.filter(({ host }) => host === "storage").map(({ headers }) => headers.range)
  expect(from).toMatch(/^bytes=[1-9]\d*-$/)
  expect(readdirSync(blobs(hub))).toEqual([FakeHub.sha256(World.large)])
})

it("the partial file of a process that lives is left to it", async () => {
  const hub = await FakeHub.start(World.dataset)
  let arrived = () => {}
  let go = () => {}
  const half = new Promise<void>((resolve) => (arrived = resolve))
  hub.misbehaveOnce(/topsecret/, (response) => {
    response.writeHead(206, { "content-range": `bytes 0-${World.large.length - 1}/${World.large.length}` })
    go = () => response.end(World.large.subarray(150_000))
    response.write(World.large.subarray(0, 150_000), () => arrived())
  })
  const first = begin(hub, World.address, parquet)
  await half
  await partialIn(blobs(hub))
  const folder = await World.fetch(hub.settings, [parquet])
  expect(World.read(folder, parquet)).toEqual(World.large)
  go()
  expect(await first.ended).toEqual({ code: 0, said: folder })
  expect(World.read(folder, parquet)).toEqual(World.large)
})

it("a copy of the cache in another place works without a network", async () => {
  const hub = await FakeHub.start(World.dataset)
  await World.fetch(hub.settings, [parquet])
  const moved = `${hub.cache}-moved`
  renameSync(hub.cache, moved)
  onTestFinished(() => renameSync(moved, hub.cache))
  const folder = await World.fetch({ ...hub.settings, cache: moved, offline: true }, [parquet])
  expect(World.read(folder, parquet)).toEqual(World.large)
})

/** Name of the first file that some process has begun, once it holds something. */
const partialIn = async (folder: string): Promise<string> => {
  for (;;) {
    const found = readdirSync(folder).find(
      (name) => name.endsWith(".incomplete") && statSync(path.join(folder, name)).size > 0,
    )
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
