/**
 * Links from a pipeline's named outputs to where the store keeps them, so that people find them:
 * `<home>/outputs/<pipeline>/<output>`. A link is replaced by a rename, so there is always one or the other.
 */
import { randomBytes } from "node:crypto"
import { cpSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs"
import * as path from "node:path"
import type { Reference } from "@thaw/core/Artifact"
import { ArtifactStore } from "@thaw/core/ArtifactStore"
import { Effect } from "effect"
import { HomeUnusable } from "./Errors.ts"

/** Where an output may be found: its folder. */
export type Place = (
  pipeline: string,
  output: string,
  reference: Reference,
) => Effect.Effect<string, HomeUnusable, ArtifactStore>

/** The store's own folder: nothing is linked. */
export const inStore: Place = Effect.fnUntraced(function* (_pipeline, _output, reference) {
  const store = yield* ArtifactStore
  return (yield* store.path(reference)) ?? ""
})

/** Links the output, or copies it where links cannot be made. */
export const linked =
  (home: string): Place =>
  (pipeline, output, reference) =>
    Effect.flatMap(inStore(pipeline, output, reference), (target) =>
      Effect.try({
        try: () => {
          const link = path.join(home, "outputs", pipeline, output)
          mkdirSync(path.dirname(link), { recursive: true })
          replace(link, target)
          return link
        },
        catch: (cause) =>
          new HomeUnusable({
            where: path.join(home, "outputs", pipeline, output),
            expected: `a link to ${target}`,
            got: (cause as Error).message,
            advice: "The result itself is kept; remove what is in the way and run again.",
          }),
      }),
    )

const replace = (link: string, target: string): void => {
  const fresh = `${link}.${process.pid}-${randomBytes(4).toString("hex")}`
  try {
    try {
      symlinkSync(path.relative(path.dirname(link), target), fresh, "dir")
    } catch (cause) {
      if (!["EPERM", "EACCES", "ENOTSUP", "ENOSYS"].includes((cause as NodeJS.ErrnoException).code ?? "")) throw cause
      // Windows without developer mode, and file systems without links.
      cpSync(target, fresh, { recursive: true })
    }
    // A folder cannot be renamed over: an earlier copy makes room first.
    const there = lstatSync(link, { throwIfNoEntry: false })
    if (there?.isDirectory() === true) rmSync(link, { recursive: true, force: true })
    renameSync(fresh, link)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}
