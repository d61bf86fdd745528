/**
 * The logs the journal is derived from: one append-only file of lines per run, written by the run's process alone.
 *
 * A process may be killed at any byte, so a line counts from the moment its newline is there; whatever follows the last
 * newline is not there yet, or never will be.
 */
import * as fs from "node:fs/promises"
import { join, resolve } from "node:path"
import { Effect } from "effect"
import type { Scope } from "effect"
import { JournalBroken } from "../Errors.ts"
import * as FileFailure from "./FileFailure.ts"

export interface LogWriter {
  /** After a failure the same text may be given again: what was written of it is overwritten. */
  readonly append: (text: string) => Effect.Effect<void, JournalBroken>
  /** Waits until what was appended survives a power cut. */
  readonly flush: Effect.Effect<void, JournalBroken>
}

export interface Lines {
  /** Each with the byte at which it starts. */
  readonly lines: ReadonlyArray<{ readonly place: number; readonly text: string }>
  /** The byte after the last newline. */
  readonly end: number
}

export interface RunLogs {
  /** As messages name it. */
  readonly nameOf: (run: string) => string
  readonly list: Effect.Effect<ReadonlyArray<string>, JournalBroken>
  /** A log for a new run; `undefined` when the id is taken. */
  readonly create: (run: string) => Effect.Effect<LogWriter | undefined, JournalBroken, Scope.Scope>
  /** Some of the complete lines from byte `from` on; none when there are no more. */
  readonly read: (run: string, from: number) => Effect.Effect<Lines, JournalBroken>
}

const newline = 10

const linesOf = (bytes: Uint8Array, from: number): Lines => {
  const decoder = new TextDecoder()
  const lines: Array<{ place: number; text: string }> = []
  let start = 0
  for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
    lines.push({ place: from + start, text: decoder.decode(bytes.subarray(start, end)) })
    start = end + 1
  }
  return { lines, end: from + start }
}

/** Not interruptible: a file is not to be closed while the system still writes to it. */
const disk = <A>(where: string, expected: string, attempt: () => Promise<A>): Effect.Effect<A, JournalBroken> =>
  Effect.uninterruptible(
    Effect.tryPromise({ try: attempt, catch: (cause) => new JournalBroken(FileFailure.of(where, expected, cause)) }),
  )

const chunkBytes = 4 * 2 ** 20

/** At most `most` bytes from byte `from` of a file; fewer at its end. */
const readBytes = async (handle: fs.FileHandle, from: number, most: number): Promise<Uint8Array> => {
  const buffer = new Uint8Array(most)
  let filled = 0
  while (filled < most) {
    const { bytesRead } = await handle.read(buffer, filled, most - filled, from + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

const readLines = async (path: string, from: number): Promise<Lines> => {
  let handle: fs.FileHandle
  try {
    handle = await fs.open(path, "r")
  } catch (cause) {
    // A run's folder is there a moment before its log.
    if (FileFailure.isCode(cause, "ENOENT", "ENOTDIR")) return { lines: [], end: from }
    throw cause
  }
  try {
    const left = (await handle.stat()).size - from
    for (let most = Math.min(chunkBytes, left); most > 0; most = Math.min(most * 2, left)) {
      const read = linesOf(await readBytes(handle, from, most), from)
      // A line may be longer than the chunk.
      if (read.lines.length > 0 || most === left) return read
    }
    return { lines: [], end: from }
  } finally {
    await handle.close()
  }
}

/** Written at explicit positions, so that a retry after a full disk leaves no half line between whole ones. */
const writer = (path: string, handle: fs.FileHandle): LogWriter => {
  let written = 0
  return {
    append: (text) =>
      disk(path, "room to write", async () => {
        const bytes = new TextEncoder().encode(text)
        for (let done = 0; done < bytes.length;) {
          done += (await handle.write(bytes, done, bytes.length - done, written + done)).bytesWritten
        }
        written += bytes.length
      }),
    flush: disk(path, "room to write", () => handle.datasync()),
  }
}

export const folder = Effect.fnUntraced(function* (place: string): Effect.fn.Return<RunLogs, JournalBroken> {
  const root = resolve(place)
  const writable = "a folder that can be written"
  yield* disk(root, writable, () => fs.mkdir(root, { recursive: true }))
  const pathOf = (run: string) => join(root, run, "events.jsonl")
  return {
    nameOf: pathOf,
    list: disk(root, "a readable folder", () => fs.readdir(root)).pipe(Effect.map((names) => names.sort())),
    create: (run) =>
      Effect.acquireRelease(
        disk(root, writable, async () => {
          try {
            await fs.mkdir(join(root, run))
          } catch (cause) {
            if (FileFailure.isCode(cause, "EEXIST")) return undefined
            throw cause
          }
          return await fs.open(pathOf(run), "wx")
        }),
        (handle) => (handle === undefined ? Effect.void : Effect.ignore(disk(root, writable, () => handle.close()))),
      ).pipe(Effect.map((handle) => (handle === undefined ? undefined : writer(pathOf(run), handle)))),
    read: (run, from) => disk(pathOf(run), "a readable file", () => readLines(pathOf(run), from)),
  }
})

export const memory = (): RunLogs => {
  const logs = new Map<string, string>()
  return {
    nameOf: (run) => `the log of run ${run}`,
    list: Effect.sync(() => [...logs.keys()].sort()),
    create: (run) =>
      Effect.sync(() => {
        if (logs.has(run)) return undefined
        logs.set(run, "")
        return {
          append: (text) => Effect.sync(() => void logs.set(run, `${logs.get(run) ?? ""}${text}`)),
          flush: Effect.void,
        }
      }),
    read: (run, from) => Effect.sync(() => linesOf(new TextEncoder().encode(logs.get(run) ?? "").subarray(from), from)),
  }
}
