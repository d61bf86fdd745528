import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import { Effect, Schema } from "effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"

const run = Effect.runSync
const hash = (kind: string, files: Artifact.Files) =>
  Effect.runPromise(Artifact.manifest(kind, files).pipe(Effect.map(Artifact.hashOf)))
const text = (content: string) => Artifact.bytes(new TextEncoder().encode(content))

describe("canonical JSON", () => {
  it("does not depend on the order in which keys were written", () => {
    expect(Artifact.canonicalJson({ b: 1, a: { d: [{ z: 1, y: 2 }], c: null } })).toBe(
      '{"a":{"c":null,"d":[{"y":2,"z":1}]},"b":1}',
    )
    const reversed = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(reversed)
        : typeof value === "object" && value !== null
          ? Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, reversed(inner)])) // prettier-ignore
          : value
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(Artifact.canonicalJson(reversed(value))).toBe(Artifact.canonicalJson(value))
        expect(JSON.parse(Artifact.canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})

describe("the content hash", () => {
  it("is the SHA-256 of the listing of kind, names, sizes and hashes", async () => {
    const sha256 = (content: string) => createHash("sha256").update(content).digest("hex")
    const listing = `{"files":[{"name":"a.txt","sha256":"${sha256("x")}","sizeBytes":1}],"kind":"k"}`
    expect(await hash("k", new Map([["a.txt", text("x")]]))).toBe(sha256(listing))
  })

  it("is the same for bytes in memory and on disk, and for any order of files", async () => {
    const folder = fs.mkdtempSync(join(tmpdir(), "thaw-artifact-"))
    try {
      const content = "x".repeat(200_000)
      fs.writeFileSync(join(folder, "anything"), content)
      const onDisk = new Map([["b", Artifact.file(join(folder, "anything"))], ["a", text("")]]) // prettier-ignore
      expect(await hash("k", onDisk)).toBe(await hash("k", new Map([["a", text("")], ["b", text(content)]]))) // prettier-ignore
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  it("differs when a name, a byte, a boundary between files or the kind does", async () => {
    const all = await Promise.all([
      hash("k", new Map([["a", text("xy")]])),
      hash("k", new Map([["b", text("xy")]])),
      hash("k", new Map([["a", text("xz")]])),
      hash("k", new Map([["a", text("x")], ["b", text("y")]])), // prettier-ignore
      hash("k", new Map([["a", text("")], ["b", text("xy")]])), // prettier-ignore
      hash("l", new Map([["a", text("xy")]])),
      hash("k", new Map()),
    ])
    expect(new Set(all).size).toBe(all.length)
  })

  it("fails on a file that is gone", async () => {
    const gone = Artifact.manifest("k", new Map([["a", Artifact.file("/nowhere/at-all")]]))
    const error = await Effect.runPromise(Effect.flip(gone))
    expect(error.message).toMatch(/^\/nowhere\/at-all: expected a readable file, got .*ENOENT/)
  })
})

describe("JSON artifacts", () => {
  const Scores = Artifact.json(
    "scores",
    Schema.Struct({ loss: Schema.Number, at: Schema.Date, labels: Schema.Array(Schema.String) }),
  )

  it("come back as they were, also what JSON has no form for", () => {
    fc.assert(
      fc.property(
        fc.double(),
        fc.date({ noInvalidDate: true }),
        fc.array(fc.string({ unit: "grapheme" })),
        (loss, at, labels) => {
          const value = { loss: Object.is(loss, -0) ? 0 : loss, at, labels }
          expect(run(Scores.read(run(Scores.write(value))))).toEqual(value)
        },
      ),
    )
  })

  it("are refused when written or read with another form", () => {
    const write = Effect.flip(Artifact.write(Scores, { loss: 1 } as never))
    expect(run(write).message).toBe('artifact json/scores: expected a value at ["at"], got {"loss":1}.')
    for (const content of ["{}", "", '{"loss":"x"', "null"]) {
      const error = run(Effect.flip(Scores.read(new Map([["value.json", text(content)]]))))
      expect(error._tag).toBe("ArtifactBroken")
      expect(error.message).toContain("artifact json/scores: expected ")
    }
  })

  it("say themselves for people in a file of their own, which is not read back", () => {
    const schema = Schema.Struct({ mean: Schema.Number })
    const plain = Artifact.json("mean", schema)
    const telling = Artifact.json("mean", schema, ({ mean }) => `mean ${mean.toFixed(2)}\n`)
    const files = run(Artifact.write(telling, { mean: 0.5 }))
    expect(run(Artifact.readText(files, "summary.md"))).toBe("mean 0.50\n")
    expect(run(Artifact.readText(files, "value.json"))).toBe('{"mean":0.5}')
    expect(run(telling.read(files))).toEqual({ mean: 0.5 })
    expect([...run(Artifact.write(plain, { mean: 0.5 })).keys()]).toEqual(["value.json"])
  })

  it("say which files there are when the one they need is missing", () => {
    expect(run(Effect.flip(Scores.read(new Map([["b.json", text("")]])))).message).toBe(
      "artifact file value.json: expected to be one of the artifact's files, got b.json.",
    )
  })
})

describe("writing a value that is not of its kind", () => {
  it("fails instead of throwing", () => {
    const kind = Artifact.make<{ size: number }>({
      kind: "sized",
      write: ({ size }) => Effect.sync(() => new Map([["a", Artifact.bytes(new Uint8Array(size))]])),
      read: () => Effect.succeed({ size: 0 }),
    })
    for (const value of [null, undefined, { size: -1 }]) {
      const error = run(Effect.flip(Artifact.write(kind, value as never)))
      expect(error.message).toContain("artifact sized: expected a value of its kind, got ")
    }
  })
})
