/**
 * A folder becomes the content of a model's repository, in one commit: all of it is there or nothing.
 *
 * ```
 * which commit is main, who may see it ─► what differs from it ─► large files to the storage ─► one commit on top of it
 *        └─ none: make it                     └─ nothing: done
 * ```
 *
 * The commit names the one it was made for, so that whoever commits in between is not overwritten: then, and where the
 * answer to a commit was lost, it is looked at anew what is there. So an upload may be repeated as often as one likes.
 */
import { stat } from "node:fs/promises"
import { pathToFileURL } from "node:url"
import { Effect, Schedule } from "effect"
import * as Address from "./Address.ts"
import * as Checksum from "./Checksum.ts"
import { HubBroken, HubRefused, HubUnreachable } from "./Errors.ts"
import type { HubError } from "./Errors.ts"
import { Hub } from "./Hub.ts"
import type { Settings } from "./Hub.ts"
import * as HubLibrary from "./internal/HubLibrary.ts"
import * as Listing from "./Listing.ts"
import * as Requests from "./Requests.ts"
import * as Sending from "./Sending.ts"
import type { Report } from "./Snapshot.ts"
import * as UploadRefusal from "./UploadRefusal.ts"

const reportEveryMillis = 250

/** One file of the folder. */
export interface File {
  /** Below the repository. */
  readonly path: string
  /** Where its bytes lie. */
  readonly from: string
}

export interface Options {
  readonly repository: Address.Repository
  readonly files: ReadonlyArray<File>
  /** Folders whose content is the upload's alone: what lies there besides goes. */
  readonly whole: ReadonlyArray<string>
  /** Who may see a repository. A new one nobody else unless said otherwise; one that is there has to agree. */
  readonly private?: boolean | undefined
  readonly title: string
  /** Told how many of the large files' bytes have arrived, of all that is sent. */
  readonly report?: Report | undefined
}

export interface Uploaded {
  readonly commit: string
  /** False where the repository had this very content. */
  readonly changed: boolean
}

export const folder = Effect.fnUntraced(function* (
  options: Options,
): Effect.fn.Return<Uploaded, HubError | HubRefused> {
  const settings = yield* Hub
  const { repository: at } = options
  if (settings.offline) {
    return yield* new HubUnreachable(
      Address.problem(at, "an upload", "no network, as HF_HUB_OFFLINE is set", "Unset it to upload."),
    )
  }
  if (settings.token === undefined) return yield* UploadRefusal.withoutToken(settings, at)
  return yield* Requests.persistently(settings, at, "an upload", attempt(settings, options)).pipe(
    Effect.catchTag("Refused", (refused) => Effect.fail(UploadRefusal.explain(settings, at, refused))),
  )
})

const attempt = Effect.fnUntraced(function* (settings: Settings, options: Options) {
  const { repository: at, files, whole, title } = options
  const found = (yield* lookedAt(settings, options)) ?? (yield* made(settings, options))
  const there = yield* Listing.fetched({ ...at, commit: found.commit })
  const changed = yield* differing(at, files, there)
  const changes = [...changed.map(({ change }) => change), ...leftovers(files, whole, there)]
  if (changes.length === 0) return { commit: found.commit, changed: false }
  const of = changed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  let done = 0
  const told = Effect.suspend(() => options.report?.(done, of) ?? Effect.void)
  const telling = Effect.repeat(told, Schedule.spaced(reportEveryMillis)).pipe(Effect.andThen(Effect.never))
  const commit = yield* Sending.through(
    settings,
    at,
    "an upload",
    (fetch) => HubLibrary.change(settings, { ...at, commit: found.commit }, title, changes, fetch),
    (bytes) => (done += bytes),
  ).pipe(onceMore("a commit on top of another"), Effect.raceFirst(telling))
  if (typeof commit === "string" && Address.isCommit(commit)) return { commit, changed: true }
  return yield* new HubBroken(Address.problem(at, "the new commit, 40 hexadecimal digits", "something else"))
})

interface Found {
  readonly commit: string
}

/** The repository as it is; undefined where there is none. */
const lookedAt = Effect.fnUntraced(function* (settings: Settings, { repository: at, private: wanted }: Options) {
  const given = yield* Sending.through(settings, at, "the state of the repository", (fetch) =>
    HubLibrary.repository(settings, at.name, fetch),
  ).pipe(
    Effect.catchIf(
      (error): error is Requests.Refused => error instanceof Requests.Refused && error.status === 404,
      () => Effect.succeed(undefined),
    ),
  )
  if (given === undefined) return undefined
  if (wanted !== undefined && given.private !== wanted) {
    const called = (isPrivate: boolean) => (isPrivate ? "a private repository" : "a public repository")
    return yield* new HubRefused(
      Address.problem(
        at,
        called(wanted),
        `${called(!wanted)} of that name`,
        `Change it on its page at ${Requests.endpoint(settings).host}, or leave out private.`,
      ),
    )
  }
  if (typeof given.commit === "string" && Address.isCommit(given.commit))
    return { commit: given.commit } satisfies Found
  return yield* new HubBroken(Address.problem(at, "the commit of main, 40 hexadecimal digits", "something else"))
})

const made = Effect.fnUntraced(function* (settings: Settings, options: Options) {
  const { repository: at, private: isPrivate = true } = options
  yield* Sending.through(settings, at, "a new repository", (fetch) =>
    HubLibrary.create(settings, at.name, isPrivate ? "private" : "public", fetch),
  ).pipe(onceMore("a new repository"))
  const found = yield* lookedAt(settings, options)
  if (found !== undefined) return found
  return yield* new HubBroken(Address.problem(at, "the repository that was made", "none"))
})

/** What somebody else was faster with is looked at again. */
const onceMore =
  (wanted: string) =>
  <A, E>(effect: Effect.Effect<A, E | Requests.Refused>) =>
    Effect.catchIf(
      effect,
      (error): error is E & Requests.Refused => error instanceof Requests.Refused && UploadRefusal.isConflict(error),
      ({ status }) => Effect.fail(new Requests.Again({ got: `the answer ${status} to ${wanted}` })),
    )

/** Files whose content is not there already. */
const differing = (at: Address.Repository, files: ReadonlyArray<File>, there: ReadonlyArray<Listing.Entry>) =>
  Effect.tryPromise({
    try: async () => {
      const known = new Map(there.map((entry) => [entry.path, entry]))
      const found: Array<{ readonly change: HubLibrary.Change; readonly sizeBytes: number }> = []
      for (const { path, from } of files) {
        const { size: sizeBytes } = await stat(from)
        const entry = known.get(path)
        if (entry?.sizeBytes === sizeBytes && (await Checksum.holds(from, entry.checksum))) continue
        found.push({ change: { operation: "addOrUpdate", path, content: pathToFileURL(from) }, sizeBytes })
      }
      return found
    },
    catch: (cause) => new HubRefused(Address.problem(at, "files that can be read", String(cause))),
  })

const leftovers = (
  files: ReadonlyArray<File>,
  whole: ReadonlyArray<string>,
  there: ReadonlyArray<Listing.Entry>,
): ReadonlyArray<HubLibrary.Change> => {
  const own = new Set(files.map(({ path }) => path))
  return there.flatMap(({ path }): ReadonlyArray<HubLibrary.Change> =>
    !own.has(path) && whole.some((name) => path.startsWith(`${name}/`)) ? [{ operation: "delete", path }] : [],
  )
}
