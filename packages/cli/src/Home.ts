/**
 * The folder that holds the store, the journal and links to the latest outputs: `.thaw` of the project.
 *
 * ```
 * <home>/store/, <home>/runs/, <home>/runs.db   core's ArtifactStore and Journal
 * <home>/outputs/<pipeline>/<output>            link to what the latest run gave
 * ```
 *
 * The project of a file is the nearest folder upwards that already has a `.thaw`; else the root of its workspace or
 * repository, so that all its pipelines share results; else the nearest folder with a package.json; else its own folder.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { HomeUnusable } from "./Errors.ts"

const name = ".thaw"

/** The home of what lies in `folder` (absolute); `THAW_HOME` names another, relative to the working folder. */
export const of = (folder: string, environment: Readonly<Record<string, string | undefined>> = process.env): string => {
  const named = environment["THAW_HOME"]
  if (named !== undefined && named !== "") return path.resolve(named)
  const upwards = ancestors(folder)
  const project =
    upwards.find((each) => existsSync(path.join(each, name))) ??
    upwards.find(isRoot) ??
    upwards.find((each) => existsSync(path.join(each, "package.json"))) ??
    folder
  return path.join(project, name)
}

/** Makes the folder, hidden from version control. Throws `HomeUnusable`. */
export const ensure = (home: string): void => {
  try {
    mkdirSync(home, { recursive: true })
    const ignore = path.join(home, ".gitignore")
    if (!existsSync(ignore)) writeFileSync(ignore, "*\n")
  } catch (cause) {
    throw new HomeUnusable({
      where: home,
      expected: "a folder that can be made and written",
      got: (cause as Error).message,
      advice: "THAW_HOME names another folder.",
    })
  }
}

/** The folder itself and every folder above it, nearest first. */
export const ancestors = (folder: string): ReadonlyArray<string> => {
  const above = path.dirname(folder)
  return above === folder ? [folder] : [folder, ...ancestors(above)]
}

const isRoot = (folder: string): boolean =>
  existsSync(path.join(folder, "pnpm-workspace.yaml")) ||
  existsSync(path.join(folder, ".git")) ||
  hasWorkspaces(path.join(folder, "package.json"))

const hasWorkspaces = (manifest: string): boolean => {
  if (!existsSync(manifest)) return false
  try {
    return "workspaces" in (JSON.parse(readFileSync(manifest, "utf8")) as object)
  } catch {
    // A broken package.json is its owner's to mend; here it only means "no root".
    return false
  }
}

/** The pipeline's file as the journal keeps it: relative to the project where it lies inside, so that a project may move. */
export const recorded = (home: string, file: string): string => {
  const relative = path.relative(path.dirname(home), file)
  return relative.startsWith("..") || path.isAbsolute(relative) ? file : relative.split(path.sep).join("/")
}

/** The inverse of `recorded`. */
export const located = (home: string, file: string): string => path.resolve(path.dirname(home), file)
