/**
 * Files of a repository at one commit, in the cache: only those asked for, each what its checksum says.
 *
 * What is there already needs no network: it is compared with its checksum and used.
 */
import * as fs from "node:fs/promises"
import * as Problem from "@thaw/core/Problem"
import { Effect, Schedule } from "effect"
import * as Address from "./Address.ts"
import * as CacheFolder from "./CacheFolder.ts"
import * as Checksum from "./Checksum.ts"
import * as Download from "./Download.ts"
import { HubMissing } from "./Errors.ts"
import type { HubError } from "./Errors.ts"
import { Hub } from "./Hub.ts"
import * as Listing from "./Listing.ts"

/** How many files are on their way at once. */
const atOnce = 4
const reportEveryMillis = 250

/** Told how far a download has come, a few times a second; never where nothing has to be fetched. */
export type Report = (doneBytes: number, ofBytes: number) => Effect.Effect<void>

/**
 * Paths of all files of the commit, sorted. What happens to be in the cache is never taken for all of them: then the
 * same commit would not mean the same files.
 */
export const paths = (at: Address.Pinned): Effect.Effect<ReadonlyArray<string>, HubError> =>
  Effect.map(Listing.of(at), (listing) => [...listing.keys()].sort())

/** Makes sure of the files and gives the folder they lie in, as the repository names them. */
export const files = Effect.fnUntraced(function* (
  at: Address.Pinned,
  wanted: ReadonlyArray<string>,
  report: Report = () => Effect.void,
): Effect.fn.Return<string, HubError> {
  const settings = yield* Hub
  const lacking: Array<string> = []
  for (const path of new Set(wanted)) if (!(yield* isThere(at, path))) lacking.push(path)
  if (lacking.length > 0) {
    const entries = yield* entriesOf(at, lacking)
    const arrived = new Map<string, number>()
    const of = entries.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const told = Effect.suspend(() =>
      report(
        [...arrived.values()].reduce((sum, bytes) => sum + bytes, 0),
        of,
      ),
    )
    const download = Effect.forEach(
      entries,
      (entry) =>
        Download.blob(at, entry, (bytes) => arrived.set(entry.path, bytes)).pipe(
          Effect.andThen(CacheFolder.link(settings, at, entry.path, entry.checksum)),
        ),
      { concurrency: atOnce, discard: true },
    )
    const telling = Effect.repeat(told, Schedule.spaced(reportEveryMillis)).pipe(Effect.andThen(Effect.never))
    yield* Effect.raceFirst(download, telling)
    yield* told
  }
  return CacheFolder.snapshot(settings, at)
})

/**
 * Whether the file is in the cache, unharmed. Its checksum is in the listing, or is its blob's name where another tool
 * fetched it; only such a tool's copy on a file system without links is taken as it is.
 */
const isThere = Effect.fnUntraced(function* (at: Address.Pinned, path: string) {
  const settings = yield* Hub
  const behind = Listing.isBelow(path) ? yield* CacheFolder.behind(settings, at, path) : undefined
  if (behind === undefined) return false
  const checksum = (yield* Listing.kept(at))?.get(path)?.checksum ?? behind.checksum
  return (
    checksum === undefined || (yield* CacheFolder.attempt(behind.path, () => Checksum.holds(behind.path, checksum)))
  )
})

const entriesOf = Effect.fnUntraced(function* (at: Address.Pinned, wanted: ReadonlyArray<string>) {
  const listing = yield* Listing.of(at)
  const entries: Array<Listing.Entry> = []
  for (const path of wanted) {
    const entry = listing.get(path)
    if (entry === undefined) {
      return yield* new HubMissing(
        Address.problem(
          at,
          `a file ${JSON.stringify(path)} at commit ${at.commit}`,
          "none",
          Problem.suggestion(path, listing.keys()),
        ),
      )
    }
    entries.push(entry)
  }
  return entries
})

/** Text of one of the files. */
export const text = Effect.fnUntraced(function* (at: Address.Pinned, path: string): Effect.fn.Return<string, HubError> {
  const place = `${yield* files(at, [path])}/${path}`
  return yield* CacheFolder.attempt(place, () => fs.readFile(place, "utf8"))
})
