/**
 * The packages as others install them: packed, put into an empty project with npm, and run there by plain Node, which
 * refuses TypeScript below node_modules.
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = path.resolve(import.meta.dirname, "../..")
const packages = ["autodiff", "cli", "core", "hub", "models", "onnx", "runners", "steps"]
const minutes = 60_000

/** What these tests read of a line of `--json`. */
interface Event {
  readonly event: string
  readonly cached?: boolean
  readonly metrics?: Readonly<Record<string, number>>
  readonly outputs?: Readonly<Record<string, { readonly path: string }>>
}

/** Standard output; a failure carries everything the command wrote. */
const run = (folder: string, command: string, ...args: ReadonlyArray<string>): string => {
  const PATH = `${path.dirname(process.execPath)}${path.delimiter}${process.env["PATH"]}`
  try {
    return execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: "pipe", env: { ...process.env, PATH } })
  } catch (cause) {
    const { stdout, stderr } = cause as { readonly stdout: string; readonly stderr: string }
    throw new Error(`${command} ${args.join(" ")}\n${stdout}\n${stderr}`, { cause })
  }
}

/** Dependencies come from the registry that npm is configured for. */
const reachable = (() => {
  try {
    return (
      run(tmpdir(), "npm", "view", "effect", "name", "--fetch-timeout=10000", "--fetch-retries=1").trim() === "effect"
    )
  } catch {
    return false
  }
})()

describe.skipIf(!reachable)("the packed packages", () => {
  let project: string
  let tarballs: ReadonlyArray<string>
  const installed = (name: string, ...file: ReadonlyArray<string>) =>
    path.join(project, "node_modules/@thaw", name, ...file)
  const manifest = (name: string) => JSON.parse(fs.readFileSync(installed(name, "package.json"), "utf8"))

  beforeAll(() => {
    project = fs.mkdtempSync(path.join(tmpdir(), "thaw-install-"))
    run(root, "npx", "-y", "pnpm@12", "--recursive", "--filter", "./packages/*", "pack", "--pack-destination", project)
    tarballs = fs.readdirSync(project).filter((file) => file.endsWith(".tgz"))
    fs.cpSync(path.join(import.meta.dirname, "fixtures/project"), project, { recursive: true })
    fs.writeFileSync(path.join(project, "package.json"), '{ "name": "project", "private": true, "type": "module" }')
    const files = tarballs.map((file) => `./${file}`)
    run(project, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", ...files)
  }, 5 * minutes)
  afterAll(() => fs.rmSync(project, { recursive: true, force: true }))

  it("are all of them, and packing leaves nothing behind that git would see", () => {
    expect(tarballs.toSorted()).toEqual(packages.map((name) => `thaw-${name}-0.1.0.tgz`))
    const untracked = run(root, "git", "ls-files", "--others", "--exclude-standard", "--", "packages").split("\n")
    expect(untracked.filter((file) => /\/dist\/|\.tgz$|\.tsbuildinfo$/.test(file))).toEqual([])
  })

  it.each(packages)("hold JavaScript, declarations, license and read-me, and no sources: %s", (name) => {
    const files = fs.readdirSync(installed(name), { recursive: true, encoding: "utf8" }).filter((file) => fs.statSync(installed(name, file)).isFile()) // prettier-ignore
    const others = files.filter((file) => !/^dist\/.*\.(js|d\.ts)$/.test(file))
    expect(others.toSorted()).toEqual(["LICENSE", "README.md", "package.json"])
    const sources = fs
      .readdirSync(path.join(root, "packages", name, "src"), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
    const built = sources.flatMap((file) => [file.replace(/ts$/, "js"), file.replace(/ts$/, "d.ts")])
    expect(files.filter((file) => file.startsWith("dist/")).toSorted()).toEqual(built.map((file) => `dist/${file}`).toSorted()) // prettier-ignore
  })

  it.each(packages)("name versions and built files only: %s", (name) => {
    const { dependencies, exports, bin, engines } = manifest(name)
    for (const [dependency, version] of Object.entries(dependencies))
      expect(version, dependency).toMatch(/^\d+\.\d+\.\d+$/)
    expect(JSON.stringify([exports, bin ?? {}])).not.toContain("src/")
    expect(exports["./internal/*"]).toBeNull()
    expect(engines).toEqual({ node: ">=22.19" })
  })

  it("give a compiler their types, in both ways of resolving modules", () => {
    const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")
    const types = ["--types", "node", "--typeRoots", path.join(root, "node_modules/@types")]
    for (const [module, resolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ] as const) {
      // prettier-ignore
      const args = ["--noEmit", "--strict", "--target", "es2024", "--module", module, "--moduleResolution", resolution]
      expect(run(project, process.execPath, tsc, ...args, "--skipLibCheck", ...types, "typed.ts")).toBe("")
    }
  })

  it("train, evaluate and export with the thaw command, and find everything again", { timeout: 2 * minutes }, () => {
    const thaw = (...args: ReadonlyArray<string>) => run(project, process.execPath, "node_modules/.bin/thaw", ...args)
    const events = (output: string) =>
      output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Event)
    const first = events(thaw("run", "pipeline.mjs", "--json"))
    const finished = first.at(-1)!
    expect(finished).toMatchObject({ event: "runFinished", status: "done" })
    // Half of the texts are of either class, and one word of theirs tells them apart.
    expect(finished.metrics!["topic.accuracy"]).toBeGreaterThan(0.9)
    expect(fs.readdirSync(finished.outputs!["model"]!.path)).toContain("model.safetensors")
    const second = events(thaw("run", "pipeline.mjs", "--json"))
    expect(second.filter(({ event, cached }) => event === "stepFinished" && cached === false)).toEqual([])
    expect(second.at(-1)!.outputs).toEqual(finished.outputs)
  })
})
