/** What is written down of every run beside its seed and arguments: versions, commit, lockfile, machine. */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { Effect } from "effect"
import * as Home from "./Home.ts"

export interface Provenance {
  readonly versions: Readonly<Record<string, string>>
  readonly gitCommit?: string
  readonly lockfileHash?: string
  readonly machine: Readonly<Record<string, string>>
}

/** For a pipeline's file in `folder`. What a machine does not have (git, a lockfile) is left out. */
export const collect = (folder: string): Effect.Effect<Provenance> =>
  Effect.map(gitCommit(folder), (commit) => {
    const lockfile = lockfileHash(folder)
    return {
      versions: versions(),
      ...(commit === undefined ? {} : { gitCommit: commit }),
      ...(lockfile === undefined ? {} : { lockfileHash: lockfile }),
      machine: machine(),
    }
  })

/** Versions by name, read from the packages' own manifests, so that nothing has to be loaded for it. */
export const versions = (): Readonly<Record<string, string>> => ({
  thaw: own().version,
  node: process.versions.node,
  effect: version(import.meta.url, "effect"),
  onnxruntime: version(import.meta.resolve("@thaw/runners/LocalRunner"), "onnxruntime-node"),
})

export const own = (): { readonly version: string } =>
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { readonly version: string }

const version = (from: string, name: string): string => {
  const manifest = createRequire(from)(`${name}/package.json`) as { readonly version: string }
  return manifest.version
}

export const machine = (): Readonly<Record<string, string>> => ({
  platform: process.platform,
  architecture: process.arch,
  processor: os.cpus()[0]?.model.trim() ?? "unknown",
  cores: String(os.availableParallelism()),
  memoryBytes: String(os.totalmem()),
})

/** The commit, with `+changes` where tracked files differ from it. */
const gitCommit = (folder: string): Effect.Effect<string | undefined> =>
  Effect.all([git(folder, "rev-parse", "HEAD"), git(folder, "status", "--porcelain", "--untracked-files=no")], {
    concurrency: 2,
  }).pipe(
    Effect.map(([commit, changes]) =>
      commit === undefined || commit === "" ? undefined : changes === "" ? commit : `${commit}+changes`,
    ),
  )

const git = (folder: string, ...args: ReadonlyArray<string>): Effect.Effect<string | undefined> =>
  Effect.callback((resume) => {
    const child = execFile("git", ["-C", folder, ...args], { timeout: 2000 }, (error, stdout) =>
      resume(Effect.succeed(error === null ? stdout.trim() : undefined)),
    )
    return Effect.sync(() => child.kill())
  })

const lockfiles = ["pnpm-lock.yaml", "package-lock.json", "yarn.lock", "bun.lock"]

/** SHA-256 of the nearest lockfile upwards. */
const lockfileHash = (folder: string): string | undefined => {
  for (const above of Home.ancestors(folder)) {
    for (const name of lockfiles) {
      try {
        return createHash("sha256")
          .update(readFileSync(path.join(above, name)))
          .digest("hex")
      } catch {
        // Not this one.
      }
    }
  }
  return undefined
}
