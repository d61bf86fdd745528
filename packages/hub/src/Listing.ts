/**
 * What a commit consists of: its files with their sizes and checksums. A commit never changes, so its listing is asked
 * for once and kept beside the snapshots.
 *
 * Every path becomes a place on disk and every checksum a file name, so both are judged before anything is done with
 * them.
 */
import { Effect, Option, Schema } from "effect"
import * as Address from "./Address.ts"
import * as CacheFolder from "./CacheFolder.ts"
import { HubBroken } from "./Errors.ts"
import type { CacheUnusable, HubError } from "./Errors.ts"
import { Hub } from "./Hub.ts"
import * as HubLibrary from "./internal/HubLibrary.ts"
import * as Refusal from "./Refusal.ts"
import * as Requests from "./Requests.ts"

const Checksum = Schema.String.check(Schema.isPattern(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/))

/** One file of a commit. */
export const Entry = Schema.Struct({
  path: Schema.String.check(
    Schema.makeFilter((path: string) => isBelow(path), { expected: "a path below the folder" }),
  ),
  sizeBytes: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
  /** See `Checksum`. */
  checksum: Checksum,
})
export type Entry = typeof Entry.Type

/** By path. */
export type Listing = ReadonlyMap<string, Entry>

const Kept = Schema.fromJsonString(Schema.Array(Entry))

const mostFiles = 100_000
const mostPathBytes = 1024

/** Whether the path stays below the folder it is put into, on every system, and may be a path at all. */
export const isBelow = (path: string): boolean =>
  Buffer.byteLength(path) <= mostPathBytes &&
  // oxlint-disable-next-line eslint/no-control-regex -- they are what is refused
  !/[\0-\x1f\x7f\\:]/.test(path) &&
  path.isWellFormed() &&
  path.split("/").every((part) => part !== "" && part !== "." && part !== ".." && Buffer.byteLength(part) <= 255)

/** The kept listing, else the hub's. */
export const of = Effect.fnUntraced(function* (at: Address.Pinned): Effect.fn.Return<Listing, HubError> {
  const known = yield* kept(at)
  if (known !== undefined) return known
  const settings = yield* Hub
  const entries = yield* fetched(at)
  yield* CacheFolder.writeText(settings, at, CacheFolder.listing(settings, at), Schema.encodeSync(Kept)(entries))
  return byPath(entries)
})

/** The listing that the cache has. One that cannot be read counts as none. */
export const kept = Effect.fnUntraced(function* (
  at: Address.Pinned,
): Effect.fn.Return<Listing | undefined, CacheUnusable> {
  const text = yield* CacheFolder.text(CacheFolder.listing(yield* Hub, at))
  return Option.getOrUndefined(Option.map(Schema.decodeUnknownOption(Kept)(text), byPath))
})

const byPath = (entries: ReadonlyArray<Entry>): Listing => new Map(entries.map((entry) => [entry.path, entry]))

/** The listing as the hub gives it. */
export const fetched = Effect.fnUntraced(function* (at: Address.Pinned) {
  const settings = yield* Hub
  const broken = (expected: string, got: string) => new HubBroken(Address.problem(at, expected, got))
  const found = yield* Requests.ask(settings, at, "the list of its files", async (fetch) => {
    const files: Array<unknown> = []
    for await (const entry of HubLibrary.tree(settings, at, fetch)) {
      if (files.length >= mostFiles) throw broken(`at most ${mostFiles} files`, "more")
      if (entry.type === "directory" || entry.type === "unknown") continue
      if (entry.type !== "file") throw new TypeError("neither a file nor a folder")
      files.push({ path: entry.path, sizeBytes: entry.lfs?.size ?? entry.size, checksum: entry.lfs?.oid ?? entry.oid })
    }
    return files
  }).pipe(
    Effect.catchTag("Refused", (refused) =>
      Refusal.explain(settings, { ...at, revision: at.commit }, refused).pipe(
        Effect.flatMap((error) => Effect.fail(error)),
      ),
    ),
  )
  const entries: Array<Entry> = []
  const paths = new Set<string>()
  for (const file of found) {
    const entry = Schema.decodeUnknownOption(Entry)(file)
    const { path } = file as { readonly path: unknown }
    const shown = JSON.stringify(path)?.slice(0, 80) ?? "none"
    if (Option.isNone(entry)) {
      const sound = typeof path === "string" && isBelow(path)
      return yield* sound
        ? broken(`a size and a checksum of its file ${shown}`, "something else")
        : broken("paths that stay below the repository's folder", shown)
    }
    if (paths.has(entry.value.path)) return yield* broken("every path once", `${shown} twice`)
    paths.add(entry.value.path)
    entries.push(entry.value)
  }
  return entries
})
