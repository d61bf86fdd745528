/**
 * The artifact store on a disk.
 *
 * Two rules make it safe to kill and to share. What has its final name is complete: everything is written in a scratch
 * folder, flushed with its folders, and renamed. And a name is its content: who loses the race to a name has the same
 * bytes, and drops them.
 */
import { randomBytes } from "node:crypto"
import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { dirname, join, resolve, sep } from "node:path"
import { Effect, Schema } from "effect"
import * as Artifact from "../Artifact.ts"
import type { ArtifactStore } from "../ArtifactStore.ts"
import { ArtifactBroken } from "../Errors.ts"
import { StepResult } from "../StepResult.ts"
import * as ArtifactName from "./ArtifactName.ts"
import * as FileFailure from "./FileFailure.ts"
import * as ProcessMark from "../ProcessMark.ts"

const parseManifest = Schema.decodeUnknownEffect(Schema.fromJsonString(Artifact.Manifest))
const parseResult = Schema.decodeUnknownEffect(Schema.fromJsonString(StepResult))

/** Not interruptible: a scratch folder is not to be removed while the system still writes into it. */
const disk = <A>(where: string, expected: string, attempt: () => Promise<A>): Effect.Effect<A, ArtifactBroken> =>
  Effect.uninterruptible(
    Effect.tryPromise({
      try: attempt,
      catch: (cause) => new ArtifactBroken(FileFailure.of(where, expected, cause)),
    }),
  )

const sync = async (path: string, flags: "r" | "r+"): Promise<void> => {
  const handle = await fs.open(path, flags)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes names in a folder durable. Windows has no such call for folders and needs none. */
const syncFolder = (path: string): Promise<void> => (process.platform === "win32" ? Promise.resolve() : sync(path, "r"))

const absent = async <A>(attempt: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await attempt()
  } catch (cause) {
    if (FileFailure.isCode(cause, "ENOENT")) return undefined
    throw cause
  }
}

/** Another name for a file that is about to lose its first one: no bytes are copied where the file system can do that. */
const takeOver = async (from: string, to: string): Promise<void> => {
  try {
    await fs.link(from, to)
  } catch (cause) {
    if (FileFailure.isCode(cause, "ENOENT", "ENOSPC")) throw cause
    await fs.copyFile(from, to, constants.COPYFILE_EXCL)
  }
}

/** Flushed and read-only. The source may have been read-only, which forbids opening for the flush. */
const seal = async (path: string): Promise<void> => {
  await fs.chmod(path, 0o644)
  await sync(path, "r+")
  await fs.chmod(path, 0o444)
}

export const make = Effect.fnUntraced(function* (
  root: string,
): Effect.fn.Return<ArtifactStore["Service"], ArtifactBroken> {
  const store = resolve(root, "store")
  const artifacts = join(store, "artifacts")
  const results = join(store, "results")
  const scratches = join(store, "scratch")
  const progresses = join(store, "progress")
  const caches = join(store, "cache")
  const writable = "a folder that can be written"

  for (const folder of [artifacts, results, scratches, progresses, caches]) {
    yield* disk(folder, writable, () => fs.mkdir(folder, { recursive: true }))
  }
  yield* disk(scratches, writable, async () => {
    const left = (await fs.readdir(scratches)).filter(ProcessMark.isGone)
    await Promise.all(left.map((name) => fs.rm(join(scratches, name), { recursive: true, force: true })))
  })

  const scratch = Effect.acquireRelease(
    disk(scratches, writable, async () => {
      const folder = join(scratches, `${ProcessMark.own}-${randomBytes(6).toString("hex")}`)
      await fs.mkdir(folder)
      return folder
    }),
    // What cannot be removed now is removed by the next process that opens the store after this one has ended.
    (folder) => Effect.ignore(disk(folder, writable, () => fs.rm(folder, { recursive: true, force: true }))),
  )

  const folderOf = (hash: string) => join(artifacts, hash)
  const removal = (hash: string) => `Remove the folder ${folderOf(hash)} and run again.`

  /** The manifest, known to be the one that gave the artifact its hash. */
  const manifestOf = Effect.fnUntraced(function* (where: string, hash: string) {
    const path = join(folderOf(hash), "manifest.json")
    const broken = (got: string) =>
      new ArtifactBroken({
        where: `${where}, manifest.json`,
        expected: `the manifest with hash ${hash}`,
        got,
        advice: removal(hash),
      })
    const text = yield* disk(path, "a readable file", () => absent(() => fs.readFile(path, "utf8")))
    if (text === undefined) return yield* broken("no such file")
    const listing = yield* parseManifest(text).pipe(Effect.mapError(() => broken("text that is no manifest")))
    const actual = Artifact.hashOf(listing)
    if (actual !== hash) return yield* broken(`one with hash ${actual}, so it was changed`)
    const problem = ArtifactName.problemOf(
      where,
      listing.files.map((entry) => entry.name),
    )
    return problem === undefined ? listing : yield* problem
  })

  /** Fails where a file is missing or has another size. */
  const checkSize = Effect.fnUntraced(function* (
    where: string,
    hash: string,
    entry: Artifact.Manifest["files"][number],
  ) {
    const path = join(folderOf(hash), "files", entry.name)
    const found = yield* disk(path, "a readable file", () => absent(() => fs.lstat(path)))
    const got =
      found === undefined ? "no such file" : !found.isFile() ? "something that is no file" : `${found.size} bytes`
    if (found === undefined || !found.isFile() || found.size !== entry.sizeBytes) {
      return yield* new ArtifactBroken({
        where: `${where}, file ${JSON.stringify(entry.name)}`,
        expected: `${entry.sizeBytes} bytes`,
        got,
        advice: removal(hash),
      })
    }
    return path
  })

  const get = Effect.fnUntraced(function* (reference: Artifact.Reference) {
    const { kind, hash } = reference
    const where = ArtifactName.describe(reference)
    if (!ArtifactName.isHash(hash) || !(yield* exists(hash))) {
      return yield* new ArtifactBroken({
        where,
        expected: "an artifact of the store",
        got: `nothing at ${folderOf(hash)}`,
        advice: "Run again: the step that gives it runs anew.",
      })
    }
    const listing = yield* manifestOf(where, hash)
    if (listing.kind !== kind) {
      return yield* new ArtifactBroken({ where, expected: `the kind ${kind}`, got: listing.kind, advice: "" })
    }
    const files = new Map<string, Artifact.Content>()
    for (const entry of listing.files) {
      const content = Artifact.file(yield* checkSize(where, hash, entry))
      const { sha256 } = yield* Artifact.digest(content)
      if (sha256 !== entry.sha256) {
        return yield* new ArtifactBroken({
          where: `${where}, file ${JSON.stringify(entry.name)}`,
          expected: `content with SHA-256 ${entry.sha256}`,
          got: `${sha256}, so it was changed`,
          advice: removal(hash),
        })
      }
      files.set(entry.name, content)
    }
    return files
  })

  const exists = (hash: string) =>
    disk(folderOf(hash), "a readable folder", () => absent(() => fs.stat(folderOf(hash)))).pipe(
      Effect.map((found) => found !== undefined),
    )

  const has = Effect.fnUntraced(function* (hash: string) {
    if (!ArtifactName.isHash(hash) || !(yield* exists(hash))) return false
    const where = `artifact ${hash.slice(0, 12)}`
    const listing = yield* manifestOf(where, hash)
    yield* Effect.forEach(listing.files, (entry) => checkSize(where, hash, entry), { discard: true })
    return true
  })

  /** Puts one file where it will be renamed with its artifact; gives back what its digest is to be taken of. */
  const stage = Effect.fnUntraced(function* (content: Artifact.Content, to: string) {
    if (content._tag === "Bytes") {
      yield* disk(store, "room to write", () => fs.writeFile(to, content.bytes, { flag: "wx" }))
    } else if (content._tag === "Chunks") {
      yield* disk(store, "room to write", () => fs.writeFile(to, content.chunks, { flag: "wx" }))
    } else {
      const from = resolve(content.path)
      const found = yield* disk(from, "a readable file", () => fs.lstat(from))
      // A link's target lives elsewhere and may change.
      const ours = [scratches, progresses].some((folder) => from.startsWith(folder + sep)) && found.isFile()
      yield* disk(from, "a file that can be copied into the store", () =>
        ours ? takeOver(from, to) : fs.copyFile(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE),
      )
    }
    yield* disk(store, "room to write", () => seal(to))
    return content._tag === "Bytes" ? content : Artifact.file(to)
  })

  /** Gives a finished artifact its name, in place of nothing or of a damaged one. */
  const publish = Effect.fnUntraced(function* (staged: string, aside: string, reference: Artifact.Reference) {
    const target = folderOf(reference.hash)
    for (let attempt = 1; ; attempt++) {
      const renamed = yield* disk(target, writable, async () => {
        try {
          await fs.rename(staged, target)
          await syncFolder(artifacts)
          return true
        } catch (cause) {
          if (attempt < 5 && FileFailure.isCode(cause, "ENOTEMPTY", "EEXIST", "EPERM")) return false
          throw cause
        }
      })
      if (renamed) return
      const intact = yield* get(reference).pipe(
        Effect.as(true),
        Effect.catch(() => Effect.succeed(false)),
      )
      if (intact) return
      yield* disk(target, writable, () => absent(() => fs.rename(target, `${aside}${attempt}`)))
    }
  })

  const put = Effect.fnUntraced(function* (kind: string, files: Artifact.Files) {
    const problem = ArtifactName.problemOf(`artifact ${kind}`, files.keys())
    if (problem !== undefined) return yield* problem
    const work = yield* scratch
    const staged = join(work, "artifact")
    const folders = new Set([staged, join(staged, "files")])
    const digested = new Map<string, Artifact.Content>()
    for (const [name, content] of files) {
      const to = join(staged, "files", name)
      for (let folder = dirname(to); folder !== staged; folder = dirname(folder)) folders.add(folder)
      yield* disk(store, "room to write", () => fs.mkdir(dirname(to), { recursive: true }))
      digested.set(name, yield* stage(content, to))
    }
    const listing = yield* Artifact.manifest(kind, digested)
    const reference = { kind, hash: Artifact.hashOf(listing) }
    yield* disk(store, "room to write", async () => {
      const path = join(staged, "manifest.json")
      await fs.mkdir(join(staged, "files"), { recursive: true })
      await fs.writeFile(path, Artifact.canonicalJson(listing), { flag: "wx" })
      await seal(path)
      for (const folder of folders) await syncFolder(folder)
    })
    yield* publish(staged, join(work, "damaged"), reference)
    return reference
  }, Effect.scoped)

  const resultPath = (key: string) => join(results, `${key}.json`)

  const recall = Effect.fnUntraced(function* (key: string) {
    const path = resultPath(key)
    const text = ArtifactName.isHash(key)
      ? yield* disk(path, "a readable file", () => absent(() => fs.readFile(path, "utf8")))
      : undefined
    if (text === undefined) return undefined
    const broken = (got: string) =>
      new ArtifactBroken({
        where: path,
        expected: `the result of the step run ${key}`,
        got,
        advice: "Remove it and run again.",
      })
    const result = yield* parseResult(text).pipe(Effect.mapError(() => broken("text that is no result")))
    if (result.key !== key) return yield* broken(`that of ${result.key}`)
    for (const { hash } of Object.values(result.outputs)) {
      if (!(yield* has(hash))) return undefined
    }
    return result
  })

  const remember = Effect.fnUntraced(function* (result: StepResult) {
    if (!ArtifactName.isHash(result.key)) {
      return yield* new ArtifactBroken({
        where: `the result of the step ${result.ingredients.step}`,
        expected: "a key of 64 hexadecimal digits",
        got: JSON.stringify(result.key),
        advice: "",
      })
    }
    const work = yield* scratch
    yield* disk(store, "room to write", async () => {
      const path = join(work, "result.json")
      await fs.writeFile(path, Artifact.canonicalJson(result), { flag: "wx", flush: true })
      await fs.rename(path, resultPath(result.key))
      await syncFolder(results)
      await fs.rm(join(progresses, result.key), { recursive: true, force: true })
    })
  }, Effect.scoped)

  const progress = Effect.fnUntraced(function* (key: string) {
    const folder = join(progresses, key)
    const mark = join(progresses, `${key}.owner`)
    const own = yield* disk(folder, writable, async () => {
      const owner = await absent(() => fs.readFile(mark, "utf8"))
      if (owner !== undefined && owner !== ProcessMark.own && !ProcessMark.isGone(owner)) return false
      await fs.writeFile(mark, ProcessMark.own)
      await fs.mkdir(folder, { recursive: true })
      return true
    })
    if (!own) return yield* scratch
    return yield* Effect.acquireRelease(Effect.succeed(folder), () =>
      Effect.ignore(disk(mark, writable, () => fs.rm(mark, { force: true }))),
    )
  })

  const path = (reference: Artifact.Reference) => Effect.succeed(join(folderOf(reference.hash), "files"))

  return { put, get, has, path, recall, remember, scratch, progress, cache: Effect.succeed(caches) }
})
