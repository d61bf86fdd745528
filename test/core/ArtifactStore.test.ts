import * as fs from "node:fs"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import { Effect } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { startLimited } from "./children/start.ts"
import {
  allBytes,
  artifactsOf,
  edit,
  failing,
  folderOf,
  inFolder,
  poem,
  root,
  scratchesOf,
  sha256,
  text,
  within,
} from "./inStore.ts"
import type { Store } from "./inStore.ts"

describe("what is put", () => {
  it("is named by the SHA-256 of the sorted listing of its names, sizes and digests", async () => {
    const reference = await inFolder((store) => store.put("poem", poem()))
    const listing =
      `{"files":[{"name":"notes/meter.json","sha256":"${sha256(`{"feet":2}`)}","sizeBytes":10},` +
      `{"name":"poem.txt","sha256":"${sha256("ice melts\n")}","sizeBytes":10}],"kind":"poem"}`
    expect(reference).toEqual({ kind: "poem", hash: sha256(listing) })
    expect(fs.readFileSync(join(folderOf(reference), "manifest.json"), "utf8")).toBe(listing)
    expect(fs.readFileSync(join(folderOf(reference), "files/notes/meter.json"), "utf8")).toBe(`{"feet":2}`)
  })

  it("comes back byte for byte, from a folder and from memory, under the same hash", async () => {
    const name = fc.stringMatching(/^[a-z]{1,6}(\/[a-z ._é]{0,4}[a-z]){0,2}$/)
    const names = fc.uniqueArray(name, { maxLength: 4, selector: (path) => path.split("/")[0] })
    await fc.assert(
      fc.asyncProperty(names, fc.infiniteStream(fc.uint8Array({ maxLength: 300 })), async (paths, contents) => {
        const bytes = [...contents.take(paths.length)]
        const files = new Map(paths.map((path, index) => [path, Artifact.bytes(bytes[index]!)]))
        const there = (store: Store) =>
          Effect.gen(function* () {
            const reference = yield* store.put("any", files)
            return { reference, files: new Map(yield* allBytes(yield* store.get(reference))) }
          })
        const kept = await inFolder(there)
        expect(kept.files).toEqual(
          new Map(paths.map((path, index) => [path, Buffer.from(bytes[index]!).toString("hex")])),
        )
        expect(await within(ArtifactStore.memory, there)).toEqual(kept)
      }),
      { numRuns: 25 },
    )
  })

  it("is kept once when it is put twice", async () => {
    const [first, second] = await inFolder((store) =>
      Effect.all([store.put("poem", poem()), store.put("poem", poem())]),
    )
    expect(second).toEqual(first)
    expect(fs.readdirSync(artifactsOf())).toEqual([first.hash])
    expect(fs.readdirSync(scratchesOf())).toEqual([])
  })

  it("is read-only", async () => {
    const reference = await inFolder((store) => store.put("poem", poem()))
    for (const name of ["manifest.json", "files/poem.txt", "files/notes/meter.json"]) {
      expect(fs.statSync(join(folderOf(reference), name)).mode & 0o777).toBe(0o444)
    }
  })

  it("takes a file over from scratch without copying it, also under two names", async () => {
    const [before, reference] = await inFolder((store) =>
      Effect.gen(function* () {
        const path = join(yield* store.scratch, "weights.bin")
        fs.writeFileSync(path, "weights")
        const files = new Map([
          ["a.bin", Artifact.file(path)],
          ["b.bin", Artifact.file(path)],
        ])
        return [fs.statSync(path).ino, yield* store.put("weights", files)] as const
      }),
    )
    expect(fs.statSync(join(folderOf(reference), "files/a.bin")).ino).toBe(before)
    expect(fs.readFileSync(join(folderOf(reference), "files/b.bin"), "utf8")).toBe("weights")
  })

  it("copies a file from elsewhere, also through a link, so that changing it later changes nothing", async () => {
    const source = join(root, "mine.txt")
    fs.writeFileSync(source, "before")
    const reference = await inFolder((store) =>
      Effect.gen(function* () {
        const link = join(yield* store.scratch, "link.txt")
        fs.symlinkSync(source, link)
        return yield* store.put(
          "text",
          new Map([
            ["direct.txt", Artifact.file(source)],
            ["linked.txt", Artifact.file(link)],
          ]),
        )
      }),
    )
    fs.writeFileSync(source, "after!")
    const kept = await inFolder((store) => store.get(reference).pipe(Effect.flatMap(allBytes)))
    const hex = Buffer.from("before").toString("hex")
    expect(new Map(kept)).toEqual(
      new Map([
        ["direct.txt", hex],
        ["linked.txt", hex],
      ]),
    )
    expect(fs.statSync(source).mode & 0o200).toBe(0o200)
  })

  it.each(["", "/etc/passwd", "../up.txt", "a/../../up.txt", "a//b", "./a", "a/", "C:/a", "a\\b", "a\0b", "a\nb"])(
    "may not be called %j",
    async (name) => {
      const files = new Map([[name, text("x")]])
      const error = await failing((store) => store.put("text", files))
      expect(error.message).toContain(JSON.stringify(name))
      const alike = await within(ArtifactStore.memory, (store) => Effect.flip(store.put("text", files)))
      expect(alike.message).toBe(error.message)
      expect(fs.readdirSync(artifactsOf())).toEqual([])
    },
  )

  it("may not be a file and a folder at once", async () => {
    const files = new Map([
      ["a", text("x")],
      ["a/b", text("y")],
    ])
    expect((await failing((store) => store.put("text", files))).message).toContain(`a folder that is also the file "a"`)
  })

  it("leaves nothing behind when one of its files cannot be read", async () => {
    const missing = join(root, "missing.bin")
    const files = new Map([...poem(), ["weights.bin", Artifact.file(missing)]])
    const error = await failing((store) => store.put("poem", files))
    expect(error).toMatchObject({ where: missing, expected: "a readable file", got: "no such file" })
    expect(fs.readdirSync(artifactsOf())).toEqual([])
    expect(fs.readdirSync(scratchesOf())).toEqual([])
  })
})

describe("a put that the system cuts short", () => {
  it.skipIf(process.platform === "win32")("says so and leaves nothing behind", async () => {
    const { line, exit } = startLimited(16, "putArtifacts.ts", root, "large", "1")
    expect(await line).toBe(
      `${join(root, "store")}: expected room to write, got a file larger than this user may write. Raise the limit (ulimit -f) and run again.`,
    )
    expect(await exit).toBe(3)
    expect(fs.readdirSync(artifactsOf())).toEqual([])
    expect(fs.readdirSync(scratchesOf())).toEqual([])
  })
})

describe("what is kept and then damaged", () => {
  const damages: ReadonlyArray<readonly [string, (folder: string) => void, string, string]> = [
    ["an edited file", (at) => edit(join(at, "files/poem.txt"), "ice sinks\n"), `file "poem.txt"`, "so it was changed"],
    [
      "a truncated file",
      (at) => edit(join(at, "files/poem.txt"), "ice"),
      `file "poem.txt"`,
      "expected 10 bytes, got 3 bytes",
    ],
    [
      "a missing file",
      (at) => fs.rmSync(join(at, "files/notes/meter.json")),
      `file "notes/meter.json"`,
      "no such file",
    ],
    ["a missing manifest", (at) => fs.rmSync(join(at, "manifest.json")), "manifest.json", "no such file"],
    [
      "a manifest that is no JSON",
      (at) => edit(join(at, "manifest.json"), "{"),
      "manifest.json",
      "text that is no manifest",
    ],
    [
      "an edited manifest",
      (at) => {
        const path = join(at, "manifest.json")
        edit(path, fs.readFileSync(path, "utf8").replace("poem.txt", "poet.txt"))
      },
      "manifest.json",
      "so it was changed",
    ],
  ]

  it.each(damages)("is refused with the place and what to do: %s", async (_, damage, place, got) => {
    const reference = await inFolder((store) => store.put("poem", poem()))
    damage(folderOf(reference))
    const error = await failing((store) => store.get(reference))
    expect(error.where).toContain(`artifact poem ${reference.hash.slice(0, 12)}`)
    expect(error.where).toContain(place)
    expect(error.message).toContain(got)
    expect(error.advice).toBe(`Remove the folder ${folderOf(reference)} and run again.`)
  })

  it.each(damages)("is mended by putting it again: %s", async (_, damage) => {
    const reference = await inFolder((store) => store.put("poem", poem()))
    damage(folderOf(reference))
    expect(await inFolder((store) => store.put("poem", poem()))).toEqual(reference)
    const kept = await inFolder((store) =>
      store.get(reference).pipe(Effect.flatMap((files) => Artifact.readText(files, "poem.txt"))),
    )
    expect(kept).toBe("ice melts\n")
    expect(fs.readdirSync(artifactsOf())).toEqual([reference.hash])
    expect(fs.readdirSync(scratchesOf())).toEqual([])
  })

  it("is found also when it is damaged between two reads of one store", async () => {
    const error = await failing((store) =>
      Effect.gen(function* () {
        const reference = yield* store.put("poem", poem())
        yield* Effect.orDie(store.get(reference))
        edit(join(folderOf(reference), "files/poem.txt"), "ice sinks\n")
        yield* store.get(reference)
      }),
    )
    expect(error.where).toContain("poem.txt")
  })

  it("is not what it claims to be under another kind", async () => {
    const { hash } = await inFolder((store) => store.put("poem", poem()))
    const error = await failing((store) => store.get({ kind: "checkpoint", hash }))
    expect(error).toMatchObject({ expected: "the kind checkpoint", got: "poem" })
  })

  it("is told apart from what is not there", async () => {
    const reference = await inFolder((store) => store.put("poem", poem()))
    const has = (hash: string) => inFolder((store) => store.has(hash))
    expect(await has(reference.hash)).toBe(true)
    expect(await has("0".repeat(64))).toBe(false)
    expect(await has("../artifacts")).toBe(false)
    expect((await failing((store) => store.get({ kind: "poem", hash: "0".repeat(64) }))).got).toContain("nothing at")
    edit(join(folderOf(reference), "files/poem.txt"), "ice")
    expect((await failing((store) => store.has(reference.hash))).message).toContain("expected 10 bytes, got 3 bytes")
    fs.rmSync(folderOf(reference), { recursive: true, force: true })
    expect(await has(reference.hash)).toBe(false)
  })
})
