/**
 * From a path on the command line to a pipeline: the file is imported as any module (Node strips the types) and its
 * default export taken.
 */
import { readdirSync, statSync } from "node:fs"
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { PipelineInvalid } from "@thaw/core/Errors"
import * as Pipeline from "@thaw/core/Pipeline"
import * as Problem from "@thaw/core/Problem"
import { Effect } from "effect"
import { PipelineFileInvalid } from "./Errors.ts"

export interface Loaded {
  readonly pipeline: Pipeline.Pipeline
  /** Absolute path. */
  readonly file: string
  /** As it was given: for messages. */
  readonly written: string
  /** Where relative paths of the pipeline start. */
  readonly folder: string
}

const extensions = [".ts", ".mts", ".js", ".mjs"]

export const load = Effect.fnUntraced(function* (
  written: string,
): Effect.fn.Return<Loaded, PipelineFileInvalid | PipelineInvalid> {
  const file = path.resolve(written)
  const absent = missing(written, file)
  if (absent !== undefined) return yield* absent
  const module = yield* Effect.tryPromise({
    try: () => import(pathToFileURL(file).href) as Promise<Readonly<Record<string, unknown>>>,
    catch: (cause) => importFailure(written, cause),
  })
  const pipeline = yield* Effect.try({
    try: () => chosen(written, module),
    catch: (cause) => cause as PipelineFileInvalid,
  })
  return { pipeline, file, written, folder: path.dirname(file) }
})

const missing = (written: string, file: string): PipelineFileInvalid | undefined => {
  const problem = (expected: string, got: string, advice: string) =>
    new PipelineFileInvalid({ where: written, expected, got, advice })
  const entry = statSync(file, { throwIfNoEntry: false })
  if (entry === undefined) {
    const near = Problem.nearest(path.basename(file), siblings(path.dirname(file)))
    const advice =
      near.length > 0 ? `Did you mean ${Problem.list(near.map((name) => path.join(path.dirname(written), name)))}?` : ""
    return problem("a pipeline's file", "nothing there", advice)
  }
  if (entry.isDirectory()) {
    const inside = siblings(file)
    return problem(
      "a pipeline's file",
      "a folder",
      inside.length > 0 ? `In it are ${Problem.list(inside.map((name) => path.join(written, name)))}.` : "",
    )
  }
  if (!extensions.includes(path.extname(file))) {
    return problem(`a file that ends in ${extensions.join(", ")}`, path.extname(file) || "no ending", "")
  }
  return undefined
}

const siblings = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder).filter((name) => extensions.includes(path.extname(name)))
  } catch {
    return []
  }
}

/** The default export, or a sentence about what is there instead. Throws `PipelineFileInvalid`. */
const chosen = (written: string, module: Readonly<Record<string, unknown>>): Pipeline.Pipeline => {
  const given = module["default"]
  if (Pipeline.isPipeline(given)) return given
  const named = Object.entries(module).find(([name, value]) => name !== "default" && Pipeline.isPipeline(value))?.[0]
  throw new PipelineFileInvalid({
    where: written,
    expected: "a pipeline as default export",
    got: given === undefined ? "no default export" : describe(given),
    advice:
      named === undefined
        ? "End the file with: export default Pipeline.make(…)."
        : `Its export ${named} is a pipeline: write export default ${named}.`,
  })
}

const describe = (value: unknown): string => {
  const tag = (value as { _tag?: unknown } | null)?._tag
  if (value === null) return "null"
  if (tag === "Wire") return "what a step call returned"
  if (tag === "Step") return "a step"
  if (value instanceof Promise) return "a promise"
  return typeof value === "object" ? "an object" : `a ${typeof value}`
}

const importFailure = (written: string, cause: unknown): PipelineFileInvalid | PipelineInvalid => {
  // By tag: a project may have a copy of core of its own.
  if ((cause as { _tag?: unknown } | null)?._tag === "PipelineInvalid") {
    return cause instanceof PipelineInvalid ? cause : new PipelineInvalid(cause as PipelineInvalid)
  }
  const error = cause instanceof Error ? cause : new Error(String(cause))
  const code = (error as NodeJS.ErrnoException).code
  const message = error.message.split("\n")[0]!.trim() || error.name
  const problem = (where: string, expected: string, got: string, advice: string) =>
    Object.assign(new PipelineFileInvalid({ where, expected, got, advice }), { cause })
  if (code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED" || code === "MODULE_NOT_FOUND") {
    return problem(
      written,
      "its imports to be there",
      message.replace(/ imported from .*$/, "").replace(/^Cannot find/, "no"),
      "Relative imports end in .ts; packages have to be installed.",
    )
  }
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return problem(place(written, error), "TypeScript whose types can be stripped", said(message), "")
  }
  if (error instanceof SyntaxError) return problem(place(written, error), "valid TypeScript", said(message), "")
  return problem(
    place(written, error),
    "to be loaded without an error",
    `${error.name}: ${message}`,
    "THAW_DEBUG=1 shows where it comes from.",
  )
}

const said = (message: string): string => message.replace(/\.$/, "")

/** `file:line:column` of the first line of the stack that is not Node's or a package's; the file where none is. */
const place = (written: string, error: Error): string => {
  for (const line of (error.stack ?? "").split("\n")) {
    const found = /(file:\/\/[^\s()]+?|\/[^\s():]+?)(:\d+(?::\d+)?)\)?$/.exec(line)
    if (found === null || found[1]!.includes("node_modules")) continue
    const file = found[1]!.startsWith("file:") ? fileURLToPath(found[1]!.replace(/\?.*$/, "")) : found[1]!
    const shown = file === path.resolve(written) ? written : path.relative(process.cwd(), file)
    return `${shown}${found[2]}`
  }
  return written
}
