/** A store in a temporary folder, new for every test. */
import { createHash } from "node:crypto"
import * as fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Artifact from "@thaw/core/Artifact"
import * as ArtifactStore from "@thaw/core/ArtifactStore"
import { ArtifactBroken } from "@thaw/core/Errors"
import { Effect } from "effect"
import type { Layer, Scope } from "effect"
import { afterEach, beforeEach, expect } from "vitest"

/** A new folder for every test. */
export let root: string
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "thaw-store-"))
})
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true })
})

export type Store = ArtifactStore.ArtifactStore["Service"]

export type Use<A, E> = (store: Store) => Effect.Effect<A, E, Scope.Scope>

export const within = <A, E>(
  layer: Layer.Layer<ArtifactStore.ArtifactStore, ArtifactBroken>,
  use: Use<A, E>,
): Promise<A> =>
  Effect.runPromise(ArtifactStore.ArtifactStore.pipe(Effect.flatMap(use), Effect.scoped, Effect.provide(layer)))

export const inFolder = <A, E>(use: Use<A, E>): Promise<A> => within(ArtifactStore.folder(root), use)

/** The error, or a failed expectation where there is none. */
export const failing = async <A>(use: Use<A, ArtifactBroken>) => {
  const error = await inFolder((store) => Effect.flip(use(store)))
  expect(error).toBeInstanceOf(ArtifactBroken)
  return error
}

export const text = (content: string): Artifact.Content => Artifact.bytes(new TextEncoder().encode(content))
export const poem = () =>
  new Map([
    ["poem.txt", text("ice melts\n")],
    ["notes/meter.json", text(`{"feet":2}`)],
  ])

export const artifactsOf = () => join(root, "store", "artifacts")
export const folderOf = ({ hash }: Artifact.Reference) => join(artifactsOf(), hash)
export const scratchesOf = () => join(root, "store", "scratch")
export const sha256 = (content: string) => createHash("sha256").update(content).digest("hex")

/** Changes a read-only file as an editor would. */
export const edit = (path: string, content: string) => {
  fs.chmodSync(path, 0o644)
  fs.writeFileSync(path, content)
}

export const allBytes = (files: Artifact.Files) =>
  Effect.forEach([...files], ([name, content]) =>
    Artifact.contentBytes(content).pipe(Effect.map((bytes) => [name, Buffer.from(bytes).toString("hex")] as const)),
  )
