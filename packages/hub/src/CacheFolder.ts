/**
 * The cache that the tools of the hub share, one folder a repository (huggingface_hub, "Understand caching"):
 *
 * ```
 * <cache>/datasets--owner--name/
 *   refs/<revision>                   the commit that a branch or tag stood for when it was last asked
 *   blobs/<checksum>                  content: under its SHA-256 where it is large (LFS, Xet), else its git blob SHA-1
 *   blobs/<checksum>.<mark>.incomplete   a download, and the process it belongs to
 *   snapshots/<commit>/<path>         links to blobs: the repository's files, as far as they were asked for
 *   listings/<commit>.json            what the commit consists of; ours, other tools do not look there
 * ```
 *
 * Files appear whole: they are written under another name, flushed and renamed. Processes may share the folder.
 */
import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import * as fs from "node:fs/promises"
import { dirname, join, relative } from "node:path"
import { Effect } from "effect"
import * as Address from "./Address.ts"
import { CacheUnusable } from "./Errors.ts"
import type { Settings } from "./Hub.ts"
import * as HubLibrary from "./internal/HubLibrary.ts"

export const folder = (settings: Settings, at: Address.Repository): string =>
  join(settings.cache, HubLibrary.folder(at))

export const blob = (settings: Settings, at: Address.Repository, checksum: string): string =>
  join(folder(settings, at), "blobs", checksum)

export const snapshot = (settings: Settings, at: Address.Pinned): string =>
  join(folder(settings, at), "snapshots", at.commit)

export const listing = (settings: Settings, at: Address.Pinned): string =>
  join(folder(settings, at), "listings", `${at.commit}.json`)

const ref = (settings: Settings, address: Address.Address): string =>
  join(folder(settings, address), "refs", address.revision)

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: "a full disk",
  EDQUOT: "a disk quota that is used up",
  EACCES: "no permission",
  EPERM: "no permission",
  EROFS: "a file system that is mounted read-only",
  ENOTDIR: "a file where a folder should be",
}

/** What the operating system refused, as one sentence. */
export const failure = (where: string, cause: unknown): CacheUnusable => {
  const { code, message } = cause as NodeJS.ErrnoException
  return new CacheUnusable({
    where,
    expected: "a cache of the hub that can be read and written",
    got: reasons[code ?? ""] ?? `the error ${JSON.stringify(message ?? String(cause))}`,
    advice: "HF_HUB_CACHE names another folder.",
  })
}

export const attempt = <A>(where: string, work: () => Promise<A>): Effect.Effect<A, CacheUnusable> =>
  Effect.tryPromise({ try: work, catch: (cause) => failure(where, cause) })

const isGone = (cause: unknown): boolean => ["ENOENT", "ENOTDIR"].includes((cause as NodeJS.ErrnoException).code ?? "")

/** Content of a text file; undefined where there is none. */
export const text = (path: string): Effect.Effect<string | undefined, CacheUnusable> =>
  attempt(path, () =>
    fs.readFile(path, "utf8").catch((cause: unknown) => {
      if (isGone(cause)) return undefined
      throw cause
    }),
  )

export const writeText = (
  settings: Settings,
  at: Address.Repository,
  path: string,
  content: string,
): Effect.Effect<void, CacheUnusable> =>
  attempt(path, () =>
    replace(blob(settings, at, ""), path, (temporary) => fs.writeFile(temporary, content, { flush: true })),
  )

/** What is not finished lies among the blobs, where other tools take nothing for a reference or a file. */
const replace = async (blobs: string, path: string, write: (temporary: string) => Promise<void>): Promise<void> => {
  await fs.mkdir(dirname(path), { recursive: true })
  await fs.mkdir(blobs, { recursive: true })
  const temporary = join(blobs, `${randomUUID()}.incomplete`)
  try {
    await write(temporary)
    await fs.rename(temporary, path)
  } catch (cause) {
    await fs.rm(temporary, { force: true })
    throw cause
  }
}

/** The commit that the cache knows for a branch or tag. */
export const readRef = Effect.fnUntraced(function* (settings: Settings, address: Address.Address) {
  const commit = (yield* text(ref(settings, address)).pipe(Effect.orElseSucceed(() => undefined)))?.trim()
  return commit !== undefined && Address.isCommit(commit) ? commit : undefined
})

/** Other tools take a reference to a commit without a folder for damage: it is made first. */
export const writeRef = Effect.fnUntraced(function* (settings: Settings, address: Address.Address, commit: string) {
  const path = snapshot(settings, { ...address, commit })
  yield* attempt(path, () => fs.mkdir(path, { recursive: true }))
  yield* writeText(settings, address, ref(settings, address), commit)
})

/** The blob behind a file of a snapshot: its path and checksum; undefined where there is none. */
export const behind = (
  settings: Settings,
  at: Address.Pinned,
  path: string,
): Effect.Effect<{ readonly path: string; readonly checksum: string | undefined } | undefined, CacheUnusable> => {
  const link = join(snapshot(settings, at), path)
  return attempt(link, async () => {
    try {
      const real = await fs.realpath(link)
      // Where links cannot be made, snapshots hold copies, and nothing says what they should contain.
      const [, checksum] = /[\\/]blobs[\\/]([0-9a-f]{40}|[0-9a-f]{64})$/.exec(real) ?? []
      return (await fs.stat(real)).isFile() ? { path: real, checksum } : undefined
    } catch (cause) {
      if (isGone(cause)) return undefined
      throw cause
    }
  })
}

/** Makes a blob a file of the snapshot; a copy where the file system has no links. */
export const link = (
  settings: Settings,
  at: Address.Pinned,
  path: string,
  checksum: string,
): Effect.Effect<void, CacheUnusable> => {
  const from = join(snapshot(settings, at), path)
  const to = blob(settings, at, checksum)
  return attempt(from, () =>
    replace(dirname(to), from, (temporary) =>
      fs.symlink(relative(dirname(from), to), temporary).catch((cause: unknown) => {
        if (!["EPERM", "ENOTSUP", "EINVAL", "ENOSYS"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw cause
        return fs.copyFile(to, temporary)
      }),
    ),
  )
}

/** Text of a file as the cache has it at once, unverified: for looking ahead. Undefined where it is not there. */
export const glimpse = (settings: Settings, address: Address.Address, path: string): string | undefined => {
  try {
    const { revision } = address
    const commit = Address.isCommit(revision) ? revision : readFileSync(ref(settings, address), "utf8").trim()
    return Address.isCommit(commit)
      ? readFileSync(join(snapshot(settings, { ...address, commit }), path), "utf8")
      : undefined
  } catch {
    return undefined
  }
}
