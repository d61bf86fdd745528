/** The artifact store in memory. Bytes are copied on the way in and out, so nobody can change what is kept. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import type { Scope } from "effect"
import * as Artifact from "../Artifact.ts"
import type { ArtifactStore } from "../ArtifactStore.ts"
import { ArtifactBroken } from "../Errors.ts"
import type { StepResult } from "../StepResult.ts"
import * as ArtifactName from "./ArtifactName.ts"
import * as FileFailure from "./FileFailure.ts"

interface Kept {
  readonly kind: string
  readonly files: ReadonlyMap<string, Uint8Array>
}

export const make = Effect.fnUntraced(function* (): Effect.fn.Return<ArtifactStore["Service"], never, Scope.Scope> {
  const artifacts = new Map<string, Kept>()
  const results = new Map<string, StepResult>()

  const put = Effect.fnUntraced(function* (kind: string, files: Artifact.Files) {
    const problem = ArtifactName.problemOf(`artifact ${kind}`, files.keys())
    if (problem !== undefined) return yield* problem
    const kept = new Map<string, Uint8Array>()
    for (const [name, content] of files) kept.set(name, (yield* Artifact.contentBytes(content)).slice())
    const listing = yield* Artifact.manifest(kind, contents(kept))
    const hash = Artifact.hashOf(listing)
    artifacts.set(hash, { kind, files: kept })
    return { kind, hash }
  })

  const get = (reference: Artifact.Reference) => {
    const kept = artifacts.get(reference.hash)
    if (kept?.kind === reference.kind) return Effect.succeed(contents(kept.files))
    return Effect.fail(
      new ArtifactBroken({
        where: ArtifactName.describe(reference),
        expected: "an artifact of the store",
        got: kept === undefined ? "none with this hash" : `one of kind ${kept.kind}`,
        advice: "",
      }),
    )
  }

  const recall = (key: string) =>
    Effect.sync(() => {
      const result = results.get(key)
      const whole = Object.values(result?.outputs ?? {}).every(({ hash }) => artifacts.has(hash))
      return whole ? result : undefined
    })

  const temporary = Effect.tryPromise({
    try: () => mkdtemp(join(tmpdir(), "thaw-")),
    catch: (cause) => new ArtifactBroken(FileFailure.of(tmpdir(), "a folder that can be written", cause)),
  })
  const remove = (folder: string) =>
    Effect.ignore(Effect.tryPromise(() => rm(folder, { recursive: true, force: true })))
  const scratch = Effect.acquireRelease(temporary, remove)

  /** One folder per key while the process lives; the system's temporary folder is emptied by the system. */
  const unfinished = new Map<string, string>()
  const progress = Effect.fnUntraced(function* (key: string) {
    const known = unfinished.get(key)
    if (known !== undefined) return known
    const folder = yield* temporary
    unfinished.set(key, folder)
    return folder
  })

  const shared: Array<string> = []
  const cache = yield* Effect.cached(Effect.tap(temporary, (folder) => Effect.sync(() => shared.push(folder))))
  yield* Effect.addFinalizer(() => Effect.forEach(shared, remove, { discard: true }))

  return {
    put,
    get,
    has: (hash) => Effect.sync(() => artifacts.has(hash)),
    path: () => Effect.succeed(undefined),
    recall,
    remember: Effect.fnUntraced(function* (result) {
      results.set(result.key, result)
      const folder = unfinished.get(result.key)
      unfinished.delete(result.key)
      if (folder !== undefined) yield* remove(folder)
    }),
    scratch,
    progress,
    cache,
  }
})

const contents = (files: ReadonlyMap<string, Uint8Array>): Artifact.Files =>
  new Map([...files].map(([name, content]) => [name, Artifact.bytes(content.slice())]))
