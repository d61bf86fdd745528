import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs" // prettier-ignore
import path from "node:path"
import { scanCachedRepo } from "@huggingface/hub"
import * as Address from "@thaw/hub/Address"
import * as Snapshot from "@thaw/hub/Snapshot"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import * as FakeHub from "./fakeHub.ts"
import * as World from "./world.ts"

const repositoryFolder = (hub: FakeHub.FakeHub) => path.join(hub.cache, "datasets--acme--moods")

describe("files of a repository", () => {
  it("come at the commit of the revision, and only those asked for", async () => {
    const hub = await FakeHub.start(World.dataset)
    const folder = await World.fetch(hub.settings, ["config.json", "data/train.parquet", "empty.txt"])
    expect(folder).toBe(path.join(repositoryFolder(hub), "snapshots", World.first))
    expect(World.read(folder, "data/train.parquet")).toEqual(World.large)
    expect(World.read(folder, "config.json").toString()).toBe(World.files["config.json"])
    expect(World.read(folder, "empty.txt").length).toBe(0)
    expect(readdirSync(folder).toSorted()).toEqual(["config.json", "data", "empty.txt"])
  })

  it("lie where the other tools of the hub look for them", async () => {
    const hub = await FakeHub.start(World.dataset)
    await World.fetch(hub.settings, ["config.json", "data/train.parquet"], `${World.address}@v1.0`)
    const folder = repositoryFolder(hub)
    expect(readFileSync(path.join(folder, "refs/v1.0"), "utf8")).toBe(World.first)
    const links = ["config.json", "data/train.parquet"].map((name) =>
      readlinkSync(path.join(folder, "snapshots", World.first, name)),
    )
    const small = FakeHub.gitBlob(World.files["config.json"])
    expect(links).toEqual([`../../blobs/${small}`, `../../../blobs/${FakeHub.sha256(World.large)}`])
    expect(readdirSync(path.join(folder, "blobs")).toSorted()).toEqual([small, FakeHub.sha256(World.large)].toSorted())
    const scanned = await scanCachedRepo(folder)
    expect(scanned.revisions).toMatchObject([{ commitOid: World.first, refs: ["v1.0"] }])
  })

  it("need no request once they are there, with and without a network", async () => {
    const hub = await FakeHub.start(World.dataset)
    const paths = ["config.json", "data/train.parquet"]
    const folder = await World.fetch(hub.settings, paths)
    expect(hub.requests.length).toBeGreaterThan(0)
    hub.requests.length = 0
    expect(await World.fetch(hub.settings, paths)).toBe(folder)
    expect(await World.fetch({ ...hub.settings, offline: true, refresh: true }, paths)).toBe(folder)
    expect(await World.fetch(hub.settings, paths, `${World.address}@${World.first}`)).toBe(folder)
    expect(hub.requests).toEqual([])
  })

  it("are found where another tool has put them, without a network", async () => {
    const hub = await FakeHub.start(World.dataset)
    const folder = repositoryFolder(hub)
    const commit = path.join(folder, "snapshots", World.first)
    for (const each of ["blobs", "refs"]) mkdirSync(path.join(folder, each), { recursive: true })
    mkdirSync(path.join(commit, "data"), { recursive: true })
    writeFileSync(path.join(folder, "refs/main"), World.first)
    const blob = FakeHub.sha256(World.large)
    writeFileSync(path.join(folder, "blobs", blob), World.large)
    symlinkSync(`../../../blobs/${blob}`, path.join(commit, "data/train.parquet"))
    // As on file systems without links.
    writeFileSync(path.join(commit, "config.json"), "{}")
    const offline = { ...hub.settings, offline: true }
    const found = await World.fetch(offline, ["config.json", "data/train.parquet"])
    expect(World.read(found, "data/train.parquet")).toEqual(World.large)
    expect(hub.requests).toEqual([])
    // Which files there are besides, nobody has asked yet.
    const at = { kind: "dataset", name: "acme/moods", commit: World.first } as const
    await expect(World.run(offline, Snapshot.paths(at))).rejects.toThrow(
      "hf://datasets/acme/moods: expected the list of its files in the cache, got nothing, and HF_HUB_OFFLINE is set.",
    )
    expect(await World.run(hub.settings, Snapshot.paths(at))).toEqual(Object.keys(World.files).toSorted())
    // From now on the copy has a checksum to hold.
    await World.fetch(hub.settings, ["config.json"])
    expect(World.read(found, "config.json").toString()).toBe(World.files["config.json"])
  })

  it("that are damaged in the cache are fetched again, and named where there is no network", async () => {
    const hub = await FakeHub.start(World.dataset)
    const folder = await World.fetch(hub.settings, ["data/train.parquet"])
    const blob = realpathSync(path.join(folder, "data/train.parquet"))
    writeFileSync(blob, Buffer.from(World.large).fill(7, 100, 101))
    expect(await World.failure({ ...hub.settings, offline: true }, ["data/train.parquet"])).toBe(
      'HubUnreachable hf://datasets/acme/moods: expected "data/train.parquet" in the cache, got nothing, and HF_HUB_OFFLINE is set. Unset it to ask the hub.',
    )
    await World.fetch(hub.settings, ["data/train.parquet"])
    expect(World.read(folder, "data/train.parquet")).toEqual(World.large)
  })

  it("of a moved branch come when they are asked for again, and the old ones stay", async () => {
    const moved = { ...World.dataset, revisions: { main: World.first }, commits: { ...World.dataset.commits } }
    const hub = await FakeHub.start(moved)
    const old = await World.fetch(hub.settings, ["config.json"])
    moved.revisions.main = World.second
    moved.commits[World.second] = { "config.json": "{}\n" }
    expect(await World.fetch(hub.settings, ["config.json"])).toBe(old)
    const next = await World.fetch({ ...hub.settings, refresh: true }, ["config.json"])
    expect(World.read(next, "config.json").toString()).toBe("{}\n")
    expect(World.read(old, "config.json").toString()).toBe(World.files["config.json"])
  })

  it("share one blob where their content is equal", async () => {
    const twins = {
      ...World.dataset,
      commits: { [World.first]: { "a.parquet": World.large, "b.parquet": World.large } },
    }
    const hub = await FakeHub.start(twins)
    const folder = await World.fetch(hub.settings, ["a.parquet", "b.parquet"])
    expect(World.read(folder, "b.parquet")).toEqual(World.large)
    expect(hub.requests.filter(({ host }) => host === "storage")).toHaveLength(1)
  })

  it("tell how far they have come", async () => {
    const hub = await FakeHub.start(World.dataset)
    const told: Array<readonly [number, number]> = []
    const report: Snapshot.Report = (done, of) => Effect.sync(() => void told.push([done, of]))
    await World.fetch(hub.settings, ["data/train.parquet", "config.json"], World.address, report)
    const all = World.large.length + World.files["config.json"].length
    expect(told.at(-1)).toEqual([all, all])
    told.length = 0
    await World.fetch(hub.settings, ["data/train.parquet"], World.address, report)
    expect(told).toEqual([])
  })
})

describe("a listing is refused", () => {
  const oid = FakeHub.gitBlob("x")
  const listed = async (entries: unknown, link?: string) => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ url }, response) => {
      if (!url.includes("/tree/")) return false
      FakeHub.json(response, entries, link === undefined ? {} : { link: `<${hub.url}${link}>; rel="next"` })
      return true
    })
    const sentence = await World.failure(hub.settings, ["config.json"])
    // Nothing but the reference was written.
    expect(readdirSync(repositoryFolder(hub)).filter((name) => name === "listings")).toEqual([])
    return sentence.replaceAll(new URL(hub.url).host, "HOST")
  }

  it.each(["../../x", "/etc/passwd", "a/../b", "a//b", "a\\b", "C:x", "a\0b", "./a", "", "a/", "x".repeat(300)])(
    "with the path %j",
    async (hostile) => {
      expect(await listed([{ type: "file", path: hostile, size: 1, oid }])).toContain(
        "HubBroken hf://datasets/acme/moods: expected paths that stay below the repository's folder, got ",
      )
    },
  )

  it.each([
    ["no checksum", { size: 1 }],
    ["a checksum that is a path", { size: 1, oid: "../../../x" }],
    ["a negative size", { size: -1, oid }],
    ["a size beyond numbers", { size: 2 ** 60, oid }],
    ["a fraction as its size", { size: 0.5, oid }],
    ["another hash of large files", { size: 1, oid, lfs: { oid: "zz", size: 1 } }],
  ])("with %s", async (_, wrong) => {
    expect(await listed([{ type: "file", path: "config.json", ...wrong }])).toBe(
      'HubBroken hf://datasets/acme/moods: expected a size and a checksum of its file "config.json", got something else.',
    )
  })

  it.each([[{}], ["text"], [null], [[null]], [{ error: "x" }]])("that is %j", async (wrong) => {
    expect(await listed(wrong)).toBe(
      "HubBroken hf://datasets/acme/moods: expected the list of its files, got an answer of HOST in another form.",
    )
  })

  it("with one path twice", async () => {
    const entry = { type: "file", path: "config.json", size: 1, oid }
    expect(await listed([entry, entry])).toBe(
      'HubBroken hf://datasets/acme/moods: expected every path once, got "config.json" twice.',
    )
  })

  it("without an end", async () => {
    expect(await listed([], "/api/datasets/acme/moods/tree/x")).toBe(
      "HubBroken hf://datasets/acme/moods: expected the list of its files in at most 1000 pages of HOST, got others.",
    )
    const many = Array.from({ length: 1001 }, (_, at) => ({ type: "file", path: `f${at}`, size: 1, oid }))
    expect(await listed(many, "/api/datasets/acme/moods/tree/x")).toBe(
      "HubBroken hf://datasets/acme/moods: expected at most 100000 files, got more.",
    )
  })

  it("of more bytes than any listing has", async () => {
    const hub = await FakeHub.start(World.dataset)
    hub.misbehave(({ url }, response) => {
      if (!url.includes("/tree/")) return false
      response.writeHead(200, { "content-type": "application/json" })
      const chunk = Buffer.alloc(2 ** 20, " ")
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on("drain", more)
      more()
      return true
    })
    expect(await World.failure(hub.settings, ["config.json"])).toBe(
      "HubBroken hf://datasets/acme/moods: expected the list of its files in at most 32 MiB, got more.",
    )
  })
})

it("a commit that is none is refused", async () => {
  const hub = await FakeHub.start(World.dataset)
  hub.misbehaveOnce(/\/revision\//, (response) => FakeHub.json(response, { sha: "../../../etc" }))
  expect(await World.failure(hub.settings, ["config.json"])).toBe(
    'HubBroken hf://datasets/acme/moods: expected the commit of "main", 40 hexadecimal digits, got something else.',
  )
})

it("a kept listing that was changed on disk is asked for again", async () => {
  const hub = await FakeHub.start(World.dataset)
  await World.fetch(hub.settings, ["config.json"])
  const kept = path.join(repositoryFolder(hub), "listings", `${World.first}.json`)
  writeFileSync(kept, JSON.stringify([{ path: "../x", sizeBytes: 1, checksum: "a".repeat(40) }]))
  const at = Address.parse(`${World.address}@${World.first}`)
  const paths = await World.run(hub.settings, Snapshot.paths({ ...at, commit: World.first }))
  expect(paths).toEqual(Object.keys(World.files).toSorted())
})

it("a cache that cannot be written is one sentence", async () => {
  const hub = await FakeHub.start(World.dataset)
  rmSync(hub.cache, { recursive: true })
  writeFileSync(hub.cache, "a file")
  expect(await World.failure(hub.settings, ["config.json"])).toMatch(
    /^CacheUnusable .*: expected a cache of the hub that can be read and written, got .*\. HF_HUB_CACHE names another folder\.$/,
  )
  expect(lstatSync(hub.cache).isFile()).toBe(true)
})
