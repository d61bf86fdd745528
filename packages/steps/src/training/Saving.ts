/**
 * What an unfinished phase keeps for its next attempt.
 *
 * ```
 * <progress>/latest-<number>/    progress.json, tensors.safetensors: weights and moments of what trains
 * <progress>/best-<update>/      the same of the best so far; best.<task>-<update> of one task's head
 * <progress>/new-…               being written
 * ```
 *
 * A folder is written whole, flushed and renamed; the latest names the bests that it needs, and only then are older ones
 * removed. So whenever the process dies, the latest folder that is there is complete and its bests are too.
 */
import { randomUUID } from "node:crypto"
import { mkdir, open as openFile, readdir, readFile, rename, rm } from "node:fs/promises"
import { join } from "node:path"
import { ArtifactBroken } from "@thaw/core/Errors"
import type { SessionFailed } from "@thaw/onnx/Errors"
import type { Device } from "@thaw/onnx/Session"
import { Effect, Option, Schema } from "effect"
import { Progress } from "./Progress.ts"
import * as Resident from "./Resident.ts"

export interface Saving {
  /** The progress of an earlier attempt, its tensors put back on the device; undefined where there is none. */
  readonly resume: Effect.Effect<Progress | undefined, ArtifactBroken | SessionFailed>
  /** Keeps this progress and these resident tensors as the latest; of the bests only those named are kept. */
  readonly latest: (
    progress: Progress,
    names: ReadonlyArray<string>,
    bests: ReadonlyArray<string>,
  ) => Effect.Effect<void, ArtifactBroken | SessionFailed>
  /** Keeps a best under a name that says which and of what update. Equal names have equal content. */
  readonly best: (
    name: string,
    progress: Progress,
    names: ReadonlyArray<string>,
  ) => Effect.Effect<void, ArtifactBroken | SessionFailed>
  /** Puts a best's tensors back on the device. */
  readonly restore: (name: string) => Effect.Effect<Progress, ArtifactBroken | SessionFailed>
}

const files = { progress: "progress.json", tensors: "tensors.safetensors" } as const

/** Numbers without a JSON form, such as the score NaN, are written as strings. */
const codec = Schema.fromJsonString(Schema.toCodecJson(Progress))

const disk = <A>(path: string, work: () => Promise<A>): Effect.Effect<A, ArtifactBroken> =>
  Effect.tryPromise({
    try: work,
    catch: (cause) =>
      new ArtifactBroken({
        where: path,
        expected: "a folder for the training's progress that can be read and written",
        got: cause instanceof Error ? cause.message : String(cause),
        advice: "",
      }),
  })

/** What a crash of the machine must not undo. Windows cannot open folders and does not need it. */
const flush = async (path: string): Promise<void> => {
  if (process.platform === "win32") return
  const handle = await openFile(path, "r")
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

const numberOf = (name: string): number => Number(name.slice("latest-".length))
const isLatest = (name: string): boolean => name.startsWith("latest-")
const isBest = (name: string): boolean => name.startsWith("best")

/** @param folder the step run's own, which stays until there is a result */
export const open = (folder: string, device: Device): Saving => {
  const list = disk(folder, () => readdir(folder))

  const write = Effect.fnUntraced(function* (name: string, progress: Progress, names: ReadonlyArray<string>) {
    const staged = join(folder, `new-${randomUUID()}`)
    yield* disk(staged, () => mkdir(staged))
    yield* device.save(join(staged, files.tensors), Resident.identity(names))
    const text = Schema.encodeSync(codec)(progress)
    yield* disk(staged, async () => {
      const handle = await openFile(join(staged, files.progress), "wx")
      try {
        await handle.writeFile(text)
        await handle.sync()
      } finally {
        await handle.close()
      }
      await flush(staged)
      await rename(staged, join(folder, name))
      await flush(folder)
    })
  })

  const remove = (names: ReadonlyArray<string>) =>
    disk(folder, async () => {
      for (const name of names) await rm(join(folder, name), { recursive: true, force: true })
    })

  const progressOf = Effect.fnUntraced(function* (name: string) {
    const path = join(folder, name, files.progress)
    const text = yield* disk(path, () => readFile(path, "utf8"))
    return Schema.decodeUnknownOption(codec)(text)
  })
  const tensorsOf = (name: string) => device.load(join(folder, name, files.tensors))

  return {
    resume: Effect.gen(function* () {
      const names = yield* list
      yield* remove(names.filter((name) => name.startsWith("new-")))
      const latest = names.filter(isLatest).sort((a, b) => numberOf(b) - numberOf(a))[0]
      if (latest === undefined) return undefined
      const progress = yield* progressOf(latest)
      // Another version wrote it: its work is done again.
      if (Option.isNone(progress)) return yield* Effect.as(remove(names), undefined)
      yield* tensorsOf(latest)
      return progress.value
    }),
    latest: Effect.fnUntraced(function* (progress, names, bests) {
      const before = yield* list
      const number = Math.max(0, ...before.filter(isLatest).map(numberOf)) + 1
      yield* write(`latest-${number}`, progress, names)
      yield* remove(before.filter((name) => isLatest(name) || (isBest(name) && !bests.includes(name))))
    }),
    best: Effect.fnUntraced(function* (name, progress, names) {
      if (!(yield* list).includes(name)) yield* write(name, progress, names)
    }),
    restore: Effect.fnUntraced(function* (name) {
      const progress = yield* progressOf(name)
      if (Option.isNone(progress)) {
        return yield* new ArtifactBroken({
          where: join(folder, name),
          expected: "the progress that this run of the phase has written",
          got: "something else",
          advice: `Remove ${folder} and run again.`,
        })
      }
      yield* tensorsOf(name)
      return progress.value
    }),
  }
}
