/**
 * One blob from the hub into the cache.
 *
 * Bytes go to a file that carries the mark of this process and becomes the blob when its size and checksum are right.
 * An attempt that was cut off goes on where it ended, also in another process once the first has died. Two processes
 * that want the same blob at once both fetch it, and the second rename changes nothing.
 */
import type { Hash } from "node:crypto"
import * as fs from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import * as ProcessMark from "@thaw/core/ProcessMark"
import { Effect, Semaphore } from "effect"
import * as Address from "./Address.ts"
import * as CacheFolder from "./CacheFolder.ts"
import * as Checksum from "./Checksum.ts"
import { HubBroken } from "./Errors.ts"
import type { CacheUnusable, HubError } from "./Errors.ts"
import { Hub } from "./Hub.ts"
import type { Settings } from "./Hub.ts"
import type { Entry } from "./Listing.ts"
import * as Refusal from "./Refusal.ts"
import * as Requests from "./Requests.ts"

/** By blob: within a process the second to want it waits for the first. */
const turns = new Map<string, Semaphore.Semaphore>()

/**
 * Makes sure that the blob is in the cache and is what its checksum says.
 *
 * @param arrived told how many of its bytes are here, as they come
 */
export const blob = Effect.fnUntraced(function* (
  at: Address.Pinned,
  entry: Entry,
  arrived: (bytes: number) => void,
): Effect.fn.Return<void, HubError> {
  const settings = yield* Hub
  const place = CacheFolder.blob(settings, at, entry.checksum)
  const turn = turns.get(place) ?? Semaphore.makeUnsafe(1)
  turns.set(place, turn)
  yield* turn.withPermits(1)(
    Effect.gen(function* () {
      if (!(yield* isWhole(place, entry))) yield* fetched(settings, at, entry, arrived)
      arrived(entry.sizeBytes)
    }),
  )
})

const isWhole = (place: string, entry: Entry): Effect.Effect<boolean, CacheUnusable> =>
  CacheFolder.attempt(place, async () => {
    const found = await fs.stat(place).catch(() => undefined)
    return found !== undefined && found.size === entry.sizeBytes && (await Checksum.holds(place, entry.checksum))
  })

const fetched = Effect.fnUntraced(function* (
  settings: Settings,
  at: Address.Pinned,
  entry: Entry,
  arrived: (bytes: number) => void,
) {
  const place = CacheFolder.blob(settings, at, entry.checksum)
  const partial = `${place}.${ProcessMark.own}.incomplete`
  yield* CacheFolder.attempt(place, () => adopt(place, partial))
  let most = 0
  let before = 0
  const one = attempt(settings, at, entry, partial, (bytes) => {
    most = Math.max(most, bytes)
    arrived(bytes)
  })
  const progressed = () => {
    const more = most > before
    before = most
    return more
  }
  const whole = Requests.persistently(settings, at, JSON.stringify(entry.path), one, progressed).pipe(
    Effect.catchTag("Refused", (refused) =>
      Refusal.explain(settings, { ...at, revision: at.commit }, refused).pipe(
        Effect.flatMap((error) => Effect.fail(error)),
      ),
    ),
  )
  // What was damaged on its way, or begun by a process that died, is fetched once more from its beginning.
  const right = (yield* whole) || (yield* whole)
  if (!right) {
    return yield* new HubBroken(
      Address.problem(
        at,
        `${JSON.stringify(entry.path)} with the checksum ${entry.checksum}`,
        "other content, twice",
        "It was changed on its way, or the hub is not to be trusted.",
      ),
    )
  }
  yield* CacheFolder.attempt(place, () => fs.rename(partial, place))
})

/** Takes over the largest of what dead processes left of this blob, and removes the rest. */
const adopt = async (place: string, partial: string): Promise<void> => {
  const folder = dirname(place)
  await fs.mkdir(folder, { recursive: true })
  const left: Array<{ readonly path: string; readonly size: number }> = []
  for (const name of await fs.readdir(folder)) {
    const mark = name.slice(basename(place).length + 1, -".incomplete".length)
    if (name !== `${basename(place)}.${mark}.incomplete` || !ProcessMark.isGone(mark)) continue
    const path = join(folder, name)
    left.push({ path, size: (await fs.stat(path).catch(() => ({ size: 0 }))).size })
  }
  left.sort((a, b) => b.size - a.size)
  const mine = await fs.stat(partial).catch(() => undefined)
  for (const [index, { path }] of left.entries()) {
    const taken = index === 0 && mine === undefined ? fs.rename(path, partial) : fs.rm(path, { force: true })
    // Another process may take it first.
    await taken.catch(() => {})
  }
}

/** A file on its way. */
interface Partial {
  readonly file: fs.FileHandle
  readonly entry: Entry
  readonly arrived: (bytes: number) => void
  /** Of the bytes that are here. */
  hash: Hash
  length: number
}

/** Goes on with the partial file. False where it came to its size with another checksum: it is empty then. */
const attempt = (
  settings: Settings,
  at: Address.Pinned,
  entry: Entry,
  path: string,
  arrived: (bytes: number) => void,
): Effect.Effect<boolean, HubError | Requests.Again | Requests.Refused> =>
  Effect.gen(function* () {
    const file = yield* Effect.acquireRelease(
      CacheFolder.attempt(path, () => fs.open(path, "a+")),
      (file) => Effect.promise(() => file.close()),
    )
    const partial: Partial = { file, entry, arrived, hash: Checksum.start(entry.checksum, entry.sizeBytes), length: 0 }
    yield* CacheFolder.attempt(path, async () => {
      partial.length = (await file.stat()).size
      if (partial.length > entry.sizeBytes) await startOver(partial)
      else await Checksum.feed(partial.hash, path)
    })
    if (partial.length < entry.sizeBytes) yield* receive(settings, at, partial)
    return yield* CacheFolder.attempt(path, async () => {
      if (partial.hash.digest("hex") !== entry.checksum) {
        await file.truncate(0)
        return false
      }
      await file.sync()
      return true
    })
  }).pipe(Effect.scoped)

const startOver = async (partial: Partial): Promise<void> => {
  await partial.file.truncate(0)
  partial.hash = Checksum.start(partial.entry.checksum, partial.entry.sizeBytes)
  partial.length = 0
}

/** The bytes that are missing; from the first where the hub gives no ranges. */
const receive = (settings: Settings, at: Address.Pinned, partial: Partial) => {
  const { path, sizeBytes } = partial.entry
  const kind = at.kind === "dataset" ? "datasets/" : ""
  const encoded = path.split("/").map(encodeURIComponent).join("/")
  const url = `${settings.endpoint}/${kind}${at.name}/resolve/${at.commit}/${encoded}`
  const broken = (got: string) =>
    new HubBroken(Address.problem(at, `${JSON.stringify(path)} with ${sizeBytes} bytes`, got))
  const saved = async (work: Promise<unknown>) => {
    await work.catch((cause: unknown) => {
      throw CacheFolder.failure(CacheFolder.blob(settings, at, partial.entry.checksum), cause)
    })
  }
  // Ranges count the bytes of the file only where nothing is compressed.
  const headers = { "accept-encoding": "identity", range: `bytes=${partial.length}-` }
  return Requests.once(settings, at, { url, headers }, async (response, alive) => {
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "") ?? []
    const start = response.status === 206 ? Number(from) : 0
    const size = response.status === 206 ? total : response.headers.get("content-length")
    if (/^\d+$/.test(size ?? "") && Number(size) !== sizeBytes) throw broken(size!)
    if (start !== partial.length) {
      await saved(startOver(partial))
      if (start !== 0) throw new Requests.Again({ got: "another part of it" })
    }
    for await (const chunk of response.body ?? []) {
      alive()
      if (partial.length + chunk.length > sizeBytes) throw broken("more")
      await saved(partial.file.appendFile(chunk))
      partial.hash.update(chunk)
      partial.length += chunk.length
      partial.arrived(partial.length)
    }
    if (partial.length < sizeBytes) throw new Requests.Again({ got: `a connection cut after ${partial.length} bytes` })
  })
}
