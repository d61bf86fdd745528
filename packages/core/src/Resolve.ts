/**
 * From a node of the Dag to the ingredients of its content key, once the results of what it needs are known.
 */
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { readdir, realpath, stat } from "node:fs/promises"
import * as path from "node:path"
import { Effect } from "effect"
import type { Schema } from "effect"
import * as Artifact from "./Artifact.ts"
import type * as ContentKey from "./ContentKey.ts"
import type * as Dag from "./Dag.ts"
import { SourceUnreadable } from "./Errors.ts"
import type { ArtifactBroken, PipelineInvalid, StepFailed } from "./Errors.ts"
import type { Pipeline } from "./Pipeline.ts"
import * as Problem from "./Problem.ts"
import { Runner } from "./Runner.ts"
import * as Source from "./Source.ts"
import * as Wire from "./Wire.ts"

/** The outputs of a finished step run by name. */
export type References = Readonly<Record<string, Artifact.Reference>>

/** Where a pipeline's relative paths start, and the run's seed. */
export interface Setting {
  /** Folder of the pipeline's file. */
  readonly folder: string
  readonly seed: number
}

/**
 * Ingredients of the node's key.
 *
 * @param results the references of every node it needs; a missing one is a mistake of the caller
 */
export const ingredients = Effect.fnUntraced(function* (
  node: Dag.Node,
  results: ReadonlyMap<Dag.Node, References>,
  setting: Setting,
): Effect.fn.Return<ContentKey.Ingredients, ArtifactBroken | SourceUnreadable | StepFailed, Runner> {
  const runner = yield* Runner
  const inputs: Record<string, string> = {}
  for (const need of node.needs) inputs[need.field] = results.get(need.from)![need.output]!.hash
  for (const [field, { kind, value }] of Object.entries(node.values)) {
    const files = yield* Artifact.write(kind, value)
    inputs[field] = Artifact.hashOf(yield* Artifact.manifest(kind.kind, files))
  }
  const sources: Record<string, string> = {}
  for (const field of Object.keys(node.sources)) {
    const source = node.step.input[field] as Source.Source
    const written = node.sources[field]!
    sources[field] =
      source.form === "address"
        ? yield* source.pin(written)
        : yield* contentHash(source, locate(written, setting), `${node.label}, ${field}`)
  }
  return {
    step: node.step.name,
    version: node.step.version,
    parameters: keyed(node),
    inputs,
    sources,
    seeds: seeds(node, setting),
    environment: yield* runner.environment(node.step),
  }
})

/** The parameters that decide what the step gives. */
const keyed = ({ parameters, step }: Dag.Node): Dag.Node["parameters"] =>
  (step.unkeyed ?? []).reduce<Dag.Node["parameters"]>((kept, path) => without(kept, path.split(".")), parameters)

const without = (
  record: Readonly<Record<string, Schema.Json>>,
  [name, ...rest]: ReadonlyArray<string>,
): Readonly<Record<string, Schema.Json>> => {
  if (name === undefined || !Object.hasOwn(record, name)) return record
  const { [name]: value, ...others } = record
  if (rest.length === 0) return others
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value)
  return isRecord ? { ...record, [name]: without(value as Readonly<Record<string, Schema.Json>>, rest) } : record
}

/** The author's number or the run's, under the names of step and field: adding steps changes no other's streams. */
export const seeds = (node: Dag.Node, setting: Setting): ContentKey.Ingredients["seeds"] =>
  Object.fromEntries(
    Object.entries(node.step.input)
      .filter(([, field]) => (field as { _tag?: unknown })._tag === "SeedFromRun")
      .map(([name]) => [name, { value: node.seeds[name] ?? setting.seed, path: [node.step.name, name] }]),
  )

/**
 * Pins the addresses that forecasts may ask about, so that what they stand for can be looked at when the Dag is made.
 * Steps that are wired only then are not among them.
 */
export const ahead = Effect.fnUntraced(function* (
  pipeline: Pipeline,
): Effect.fn.Return<void, SourceUnreadable | PipelineInvalid> {
  const seen = new Set<Wire.Call>()
  const left: Array<unknown> = Object.values(pipeline.outputs)
  while (left.length > 0) {
    const value = left.pop()
    if (!Wire.isWire(value)) continue
    const { call } = value
    if (seen.has(call)) continue
    seen.add(call)
    if (call.later !== undefined) left.push(call.later.from)
    for (const [name, argument] of Object.entries(call.arguments)) {
      left.push(argument)
      const field = call.step.input[name]
      const tag = (field as { readonly _tag?: unknown } | undefined)?._tag
      if (tag === "ArtifactRecord") left.push(...Object.values((argument ?? {}) as Readonly<Record<string, unknown>>))
      if (tag !== "Source" || (field as Source.Source).form !== "address" || typeof argument !== "string") continue
      const source = field as Source.Remote
      yield* Effect.try({ try: () => source.check(argument), catch: (cause) => cause as PipelineInvalid })
      yield* source.pin(argument)
    }
  }
})

export const locate = (written: string, setting: Setting): Source.Located => ({
  path: path.resolve(setting.folder, written),
  written,
})

/**
 * SHA-256 of a file's bytes, or of the sorted names and hashes of every file below a folder (links are followed), or of
 * all files that a source of files stands for.
 */
const contentHash = Effect.fnUntraced(function* (source: Source.Local, located: Source.Located, where: string) {
  if (source.form === "files") {
    const files = yield* attempt(where, located, "folder", () => Source.shards(located))
    if (files.length === 0) {
      return yield* new SourceUnreadable({
        where,
        expected: `files at ${located.path}`,
        got: "none",
        advice: "Names that start with a dot or an underscore do not count.",
      })
    }
    if (files.length > 1 || files[0]!.path !== located.path) {
      return yield* attempt(where, located, "files", async () => {
        const hash = createHash("sha256")
        for (const { path: file } of files) hash.update(`${path.basename(file)}\0${await hashFile(file)}\n`)
        return hash.digest("hex")
      })
    }
  }
  const entry = yield* attempt(where, located, source.form === "folder" ? "folder" : "file", () => stat(located.path))
  const right = source.form !== "folder" ? entry.isFile() : entry.isDirectory()
  if (!right) {
    return yield* new SourceUnreadable({
      where,
      expected: `a ${source.form === "folder" ? "folder" : "file"} at ${located.path}`,
      got: entry.isDirectory() ? "a folder" : entry.isFile() ? "a file" : "something else",
      advice: "",
    })
  }
  if (source.form !== "folder") return yield* attempt(where, located, "file", () => hashFile(located.path))
  return yield* attempt(where, located, "folder", async () => {
    const hash = createHash("sha256")
    for (const name of (await filesBelow(located.path, "", [])).sort()) {
      hash.update(`${name}\0${await hashFile(path.join(located.path, name))}\n`)
    }
    return hash.digest("hex")
  })
})

/**
 * Names of all files below a folder, with `/` between folders. Throws on what is neither a file nor a folder and on a
 * link to a folder above: content that cannot be hashed is never left out.
 */
const filesBelow = async (root: string, folder: string, above: ReadonlyArray<string>): Promise<Array<string>> => {
  const here = await realpath(path.join(root, folder))
  if (above.includes(here)) throw new Error(`${folder} leads back to a folder above it`)
  const names: Array<string> = []
  for (const entry of await readdir(here)) {
    const name = path.posix.join(folder, entry)
    const kind = await stat(path.join(here, entry))
    if (kind.isDirectory()) names.push(...(await filesBelow(root, name, [...above, here])))
    else if (kind.isFile()) names.push(name)
    else throw new Error(`${name}, which is neither a file nor a folder`)
  }
  return names
}

const hashFile = async (file: string): Promise<string> => {
  const hash = createHash("sha256")
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array)
  return hash.digest("hex")
}

const attempt = <A>(where: string, located: Source.Located, form: string, read: () => Promise<A>) =>
  Effect.tryPromise({
    try: read,
    catch: (cause) => cause as NodeJS.ErrnoException,
  }).pipe(
    Effect.catch((cause) =>
      Effect.gen(function* () {
        const siblings =
          cause.code === "ENOENT" && (cause.path ?? located.path) === located.path
            ? yield* Effect.promise(() => readdir(path.dirname(located.path)).catch(() => [] as string[]))
            : []
        const near = Problem.nearest(path.basename(located.path), siblings)
        return yield* new SourceUnreadable({
          where,
          expected: `a readable ${form} at ${located.path}`,
          got: reason(cause, located),
          advice:
            near.length > 0
              ? `Did you mean ${Problem.list(near)}?`
              : cause.code === "ENOENT"
                ? "Relative paths start at the folder of the pipeline's file."
                : "",
        })
      }),
    ),
  )

const reason = (cause: NodeJS.ErrnoException, located: Source.Located): string => {
  const at = cause.path === undefined || cause.path === located.path ? "" : ` (${cause.path})`
  if (cause.code === "ENOENT") return at === "" ? "nothing there" : `a link to nothing${at}`
  if (cause.code === "EACCES") return `no permission to read it${at}`
  return cause.message.split("\n")[0]!
}
