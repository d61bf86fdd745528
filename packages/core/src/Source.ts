/**
 * Inputs that live outside the store: files or a folder named by the author. Their content, not their path, goes
 * into the key of the step that reads them. Relative paths are relative to the pipeline's file.
 */
import { glob, readdir, stat } from "node:fs/promises"
import * as path from "node:path"

/** A resolved source, as a step's `run` receives it. */
export interface Located {
  /** Absolute path. */
  readonly path: string
  /** As the author wrote it: for messages. */
  readonly written: string
}

export interface Source {
  readonly _tag: "Source"
  readonly form: "file" | "files" | "folder"
}

/** One file. */
export const file: Source = { _tag: "Source", form: "file" }
/** One file, the files directly in a folder, or those that a glob such as `data/part-*.csv` names; see `shards`. */
export const files: Source = { _tag: "Source", form: "files" }
/** A folder: every file below it is part of the content. */
export const folder: Source = { _tag: "Source", form: "folder" }

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
