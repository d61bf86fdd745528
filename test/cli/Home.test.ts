import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import * as Home from "@thaw/cli/Home"
import { describe, expect, it, onTestFinished } from "vitest"

/** A tree of empty files below a new folder; names that end in `/` are folders. */
const tree = (...names: ReadonlyArray<string>): string => {
  const root = mkdtempSync(path.join(tmpdir(), "home-"))
  onTestFinished(() => rmSync(root, { recursive: true, force: true }))
  for (const name of names) {
    mkdirSync(path.join(root, name.endsWith("/") ? name : path.dirname(name)), { recursive: true })
    if (!name.endsWith("/")) writeFileSync(path.join(root, name), "{}")
  }
  return root
}

describe("the home of a pipeline", () => {
  it("is the nearest .thaw upwards, where there is one", () => {
    const root = tree("a/.thaw/", "a/b/package.json", "a/b/c/")
    expect(Home.of(path.join(root, "a/b/c"), {})).toBe(path.join(root, "a/.thaw"))
  })

  it("is at the workspace's or repository's root, so that its packages share results", () => {
    const pnpm = tree("pnpm-workspace.yaml", "package.json", "pipelines/package.json")
    expect(Home.of(path.join(pnpm, "pipelines"), {})).toBe(path.join(pnpm, ".thaw"))
    const git = tree(".git/", "pipelines/package.json")
    expect(Home.of(path.join(git, "pipelines"), {})).toBe(path.join(git, ".thaw"))
    const npm = tree("package.json", "pipelines/package.json")
    writeFileSync(path.join(npm, "package.json"), JSON.stringify({ workspaces: ["pipelines"] }))
    expect(Home.of(path.join(npm, "pipelines"), {})).toBe(path.join(npm, ".thaw"))
  })

  it("is beside the nearest package.json, else in the folder itself", () => {
    const root = tree("a/package.json", "a/b/", "c/")
    expect(Home.of(path.join(root, "a/b"), {})).toBe(path.join(root, "a/.thaw"))
    expect(Home.of(path.join(root, "c"), {})).toBe(path.join(root, "c/.thaw"))
  })

  it("is what THAW_HOME names", () => {
    expect(Home.of("/somewhere", { THAW_HOME: "elsewhere" })).toBe(path.resolve("elsewhere"))
    expect(Home.of("/somewhere", { THAW_HOME: "" })).toBe("/somewhere/.thaw")
  })

  it("is hidden from version control, and cannot be below a file", () => {
    const root = tree("file")
    Home.ensure(path.join(root, ".thaw"))
    expect(readFileSync(path.join(root, ".thaw/.gitignore"), "utf8")).toBe("*\n")
    expect(() => Home.ensure(path.join(root, "file/.thaw"))).toThrow(/expected a folder that can be made and written/)
  })

  it("keeps files of the project by a path that survives a move", () => {
    expect(Home.recorded("/p/.thaw", "/p/pipelines/a.ts")).toBe("pipelines/a.ts")
    expect(Home.located("/q/.thaw", "pipelines/a.ts")).toBe(path.resolve("/q/pipelines/a.ts"))
    expect(Home.recorded("/p/.thaw", "/other/a.ts")).toBe("/other/a.ts")
    expect(Home.located("/p/.thaw", "/other/a.ts")).toBe(path.resolve("/other/a.ts"))
  })
})
