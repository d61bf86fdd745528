/**
 * Inputs that live outside the store, named by the author. Of files or a folder the content, not the path, goes into
 * the key of the step that reads it; relative paths are relative to the pipeline's file. Of an address elsewhere it is
 * what the address stands for when the step is decided on.
 */
import { glob, readdir, stat } from "node:fs/promises"
import * as path from "node:path"
import type { Effect } from "effect"
import type { SourceUnreadable } from "./Errors.ts"

/** A resolved file or folder, as a step's `run` receives it. */
export interface Located {
  /** Absolute path. */
  readonly path: string
  /** As the author wrote it: for messages. */
  readonly written: string
}

/** A resolved address, as a step's `run` receives it. */
export interface Pinned {
  /** The address of content that never changes: what the key says. */
  readonly pinned: string
  /** As the author wrote it. */
  readonly written: string
}

export interface Local {
  readonly _tag: "Source"
  readonly form: "file" | "files" | "folder"
}

export interface Remote {
  readonly _tag: "Source"
  readonly form: "address"
  /** Throws `PipelineInvalid` on what cannot be an address. */
  readonly check: (written: string) => void
  /**
   * The address, with a scheme (`hf://…`), of what the written one stands for now. Equal ones stand for equal bytes, for
   * ever: no content is looked at.
   */
  readonly pin: (written: string) => Effect.Effect<string, SourceUnreadable>
}

export type Source = Local | Remote

/** One file. */
export const file: Local = { _tag: "Source", form: "file" }
/** One file, the files directly in a folder, or those that a glob such as `data/part-*.csv` names; see `shards`. */
export const files: Local = { _tag: "Source", form: "files" }
/** A folder: every file below it is part of the content. */
export const folder: Local = { _tag: "Source", form: "folder" }
/** Something elsewhere that an address names. */
export const address = (how: Pick<Remote, "check" | "pin">): Remote => ({ _tag: "Source", form: "address", ...how })

/** Whether what a key says of a source is a pinned address, and not the hash of content. */
export const isPinned = (source: string): boolean => source.includes("://")

/**
 * The files that a source of files stands for, in the order of the code units of their paths. Names that start with a dot
 * or an underscore are no data (`.DS_Store`, `_SUCCESS`). What exists under the very name is no glob.
 *
 * A path where there is nothing stands for itself: whoever reads it says that it is missing.
 */
export const shards = async (source: Located): Promise<ReadonlyArray<Located>> => {
  const entry = await stat(source.path).catch(() => undefined)
  if (entry?.isDirectory() === true) {
    const names: Array<string> = []
    for (const name of await readdir(source.path)) {
      if ((await stat(path.join(source.path, name))).isFile()) names.push(name)
    }
    const of = (name: string) => ({ path: path.join(source.path, name), written: `${trimmed(source.written)}/${name}` })
    return sorted(names.map(of))
  }
  if (entry !== undefined || !/[*?[{]/u.test(source.written)) return [source]
  const found: Array<Located> = []
  // What is magic in the folder above the pattern's first part with magic is a name, not a pattern.
  const parts = source.written.split("/")
  const first = parts.findIndex((part) => /[*?[{]/u.test(part))
  const pattern = parts.slice(first).join("/")
  const above = path.resolve(source.path, ...pattern.split("/").map(() => ".."))
  for await (const each of glob(pattern, { cwd: above, withFileTypes: true })) {
    const full = path.join(each.parentPath, each.name)
    if (!(await stat(full)).isFile()) continue
    const name = path.relative(above, full).split(path.sep).join("/")
    found.push({ path: full, written: [...parts.slice(0, first), name].join("/") })
  }
  return sorted(found)
}

const trimmed = (folder: string): string => folder.replace(/\/+$/u, "")

const sorted = (found: ReadonlyArray<Located>): ReadonlyArray<Located> =>
  found
    .filter((each) => !/^[._]/u.test(path.basename(each.path)))
    .sort((a, b) => (a.written < b.written ? -1 : a.written > b.written ? 1 : 0))
