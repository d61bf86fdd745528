/**
 * The boundary cache on disk:
 *
 * ```
 * <cache>/boundary/<key>/<first row>-<SHA-256>.arrow
 * ```
 *
 * A file's name says what its bytes are, so what is damaged is noticed, whoever reads it; and processes that write the
 * same chunk write the same file. A file has its name only when it is complete. Nothing here is needed: what cannot be
 * read is computed again.
 */
import { createHash, randomUUID } from "node:crypto"
import { closeSync, openSync } from "node:fs"
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ArtifactBroken } from "@thaw/core/Errors"
import { Effect } from "effect"
import type { Scope } from "effect"
import * as BoundaryFile from "./BoundaryFile.ts"
import type { Chunk, Layout } from "./BoundaryRows.ts"

/** A chunk that can be read from. */
export interface Open {
  readonly chunk: Chunk
  readonly descriptor: number
  readonly offsets: BoundaryFile.Offsets
}

export type Found = Open | "absent" | "damaged"

const attempt = <A>(where: string, work: () => Promise<A> | A): Effect.Effect<A, ArtifactBroken> =>
  Effect.tryPromise({
    try: async () => work(),
    catch: (cause) =>
      new ArtifactBroken({
        where,
        expected: "a folder that can be read and written",
        got: cause instanceof Error ? cause.message : String(cause),
        advice: "",
      }),
  })

const sha256 = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex")

export const root = (cache: string): string => join(cache, "boundary")

const nameOf = ({ first }: Chunk, hash: string) => `${first}-${hash}.arrow`

const named = ({ first }: Chunk, names: ReadonlyArray<string>) => names.find((name) => name.startsWith(`${first}-`))

const list = async (folder: string): Promise<ReadonlyArray<string>> => {
  try {
    return await readdir(folder)
  } catch {
    return []
  }
}

/** Whether there is a file for every chunk. */
export const isComplete = (folder: string, chunks: ReadonlyArray<Chunk>): Effect.Effect<boolean> =>
  Effect.promise(async () => {
    const names = await list(folder)
    return chunks.every((chunk) => named(chunk, names) !== undefined)
  })

/** Opens a chunk whose bytes are what its name says, until the scope closes; a damaged file is removed. */
export const open = Effect.fnUntraced(function* (
  folder: string,
  chunk: Chunk,
  layout: Layout,
): Effect.fn.Return<Found, ArtifactBroken, Scope.Scope> {
  const name = named(chunk, yield* Effect.promise(() => list(folder)))
  if (name === undefined) return "absent"
  const path = join(folder, name)
  const offsets = yield* attempt(path, async () => {
    const content = await readFile(path)
    return name === nameOf(chunk, sha256(content)) ? BoundaryFile.offsetsOf(content, layout) : undefined
  })
  if (offsets === undefined) {
    yield* attempt(path, () => rm(path, { force: true }))
    return "damaged"
  }
  const descriptor = yield* Effect.acquireRelease(
    attempt(path, () => openSync(path, "r")),
    (opened) => Effect.sync(() => closeSync(opened)),
  )
  return { chunk, descriptor, offsets }
})

/** @param scratch a folder on the same file system */
export const write = (
  folder: string,
  chunk: Chunk,
  content: Uint8Array,
  scratch: string,
): Effect.Effect<void, ArtifactBroken> =>
  attempt(folder, async () => {
    const unfinished = join(scratch, `${randomUUID()}.arrow`)
    await writeFile(unfinished, content)
    await mkdir(folder, { recursive: true })
    await rename(unfinished, join(folder, nameOf(chunk, sha256(content))))
  })

/** Says that the key is in use now. */
export const touch = (folder: string): Effect.Effect<void> =>
  Effect.ignore(attempt(folder, () => utimes(folder, new Date(), new Date())))

/** Removes what was not used for longest, until `wantedBytes` more fit into the budget. Keys in `using` stay. */
export const makeRoom = (
  cache: string,
  wantedBytes: number,
  budgetBytes: number,
  using: ReadonlySet<string>,
): Effect.Effect<void> =>
  Effect.ignore(
    attempt(cache, async () => {
      const keys = await Promise.all(
        (await list(root(cache))).map(async (key) => {
          const folder = join(root(cache), key)
          const sizes = (await list(folder)).map((name) => sizeOf(join(folder, name)))
          const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
          return { key, folder, bytes, used: (await stat(folder)).mtimeMs }
        }),
      )
      let total = keys.reduce((sum, { bytes }) => sum + bytes, 0)
      for (const { key, folder, bytes } of keys.sort((a, b) => a.used - b.used)) {
        if (total + wantedBytes <= budgetBytes) return
        if (using.has(key)) continue
        await rm(folder, { recursive: true, force: true })
        total -= bytes
      }
    }),
  )

const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size
  } catch {
    // Another process has just removed it.
    return 0
  }
}
