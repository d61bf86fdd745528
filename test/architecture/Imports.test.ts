/**
 * The rules that hold the packages apart. That a wrong import does not compile is tried on the compiler itself; what no
 * compiler knows is read from the sources.
 */
import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"
import { describe, expect, it } from "vitest"

const root = path.resolve(import.meta.dirname, "../..")

/** Packages in dependency order, each with what it may import. */
const mayImport: Readonly<Record<string, ReadonlyArray<string>>> = {
  core: [],
  hub: ["core"],
  onnx: ["core"],
  autodiff: ["core", "onnx"],
  models: ["core", "hub", "onnx", "autodiff"],
  steps: ["core", "hub", "onnx", "autodiff", "models"],
  runners: ["core", "onnx"],
  cli: ["core", "hub", "onnx", "autodiff", "models", "steps", "runners"],
}
const packages = Object.keys(mayImport)
const folderOf = (name: string) => path.join(root, "packages", name)

interface Source {
  readonly package: string
  /** Relative to the package's `src`, with `/`. */
  readonly name: string
  readonly path: string
  readonly text: string
  /** What it imports, as written. */
  readonly imports: ReadonlyArray<string>
}

const sourcesOf = (name: string): ReadonlyArray<Source> =>
  fs
    .readdirSync(path.join(folderOf(name), "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => {
      const full = path.join(folderOf(name), "src", file)
      const text = fs.readFileSync(full, "utf8")
      const specifiers = text.matchAll(
        /^(?:import|export)\b[^"'`]*?from\s+["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/gm,
      )
      return {
        package: name,
        name: file.replaceAll(path.sep, "/"),
        path: full,
        text,
        imports: [...specifiers].map(([, from, bare]) => (from ?? bare)!),
      }
    })
const written = packages.flatMap(sourcesOf).filter(({ name }) => !name.startsWith("generated/"))
const modulesOf = (name: string) =>
  sourcesOf(name)
    .map((source) => source.name)
    .filter((file) => /^[A-Z]\w*\.ts$/.test(file) && !file.endsWith("Child.ts"))
    .toSorted()
/** The package itself and one of its modules, as others import them. */
const publicOf = (name: string) => [`@thaw/${name}`, `@thaw/${name}/${modulesOf(name)[0]!.slice(0, -3)}`]
const titleOf = (source: Source) => `${source.package}/${source.name}`
/** The files that import what matches. */
const importersOf = (wanted: RegExp) =>
  written.filter(({ imports }) => imports.some((specifier) => wanted.test(specifier))).map(titleOf)

/** TypeScript's complaints about a file in each package that has one import a line: `package: specifier`. */
const unresolved = (specifiersOf: (name: string) => ReadonlyArray<string>): ReadonlyArray<string> => {
  // A module is looked for from where the importing file lies, so the probes lie inside the packages.
  const folders = new Map(packages.map((name) => [fs.mkdtempSync(path.join(folderOf(name), ".probe-")), name]))
  try {
    const files = [...folders].map(([folder, name]) => {
      const file = path.join(folder, "probe.ts")
      fs.writeFileSync(file, specifiersOf(name).map((specifier, at) => `export type Probe${at} = typeof import("${specifier}")`).join("\n")) // prettier-ignore
      return file
    })
    const config = path.join([...folders.keys()][0]!, "tsconfig.json")
    const options = { noEmit: true, composite: false, rootDir: root, types: [] }
    fs.writeFileSync(config, JSON.stringify({ extends: path.join(root, "tsconfig.base.json"), compilerOptions: options, files })) // prettier-ignore
    const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc")
    const { stdout } = spawnSync(process.execPath, [tsc, "-p", config, "--pretty", "false"], { cwd: root, encoding: "utf8" }) // prettier-ignore
    const complaints = stdout.matchAll(/packages\/(\w+)\/\.probe-\w+\/probe\.ts\(\d+,\d+\): error TS(\d+): (.*)/g)
    return [...complaints].map(([, name, code, text]) => {
      expect(`TS${code} ${text}`).toMatch(/^TS2307 Cannot find module/)
      return `${name}: ${/'([^']+)'/.exec(text!)![1]}`
    })
  } finally {
    for (const folder of folders.keys()) fs.rmSync(folder, { recursive: true, force: true })
  }
}

describe("packages", () => {
  it("are the ones listed here", () => {
    expect(fs.readdirSync(path.join(root, "packages")).toSorted()).toEqual(packages.toSorted())
  })

  it("can import what comes before them in the order, and nothing else compiles", () => {
    const specifiersOf = (name: string) => [
      ...packages.filter((other) => other !== name).flatMap(publicOf),
      "@thaw/core/internal/StoreFolder",
      "@thaw/onnx/internal/Naming",
      "onnxruntime-node",
    ]
    const declared = (name: string): ReadonlyArray<string> =>
      Object.keys(JSON.parse(fs.readFileSync(path.join(folderOf(name), "package.json"), "utf8")).dependencies)
        .filter((dependency) => dependency.startsWith("@thaw/"))
        .map((dependency) => dependency.slice("@thaw/".length))
    for (const name of packages) {
      for (const other of declared(name)) expect(mayImport[name], `dependencies of ${name}`).toContain(other)
    }
    const forbidden = packages.flatMap((name) => [
      ...packages
        .filter((other) => other !== name && !declared(name).includes(other))
        .flatMap(publicOf)
        .map((specifier) => `${name}: ${specifier}`),
      `${name}: @thaw/core/internal/StoreFolder`,
      `${name}: @thaw/onnx/internal/Naming`,
      ...(name === "runners" ? [] : [`${name}: onnxruntime-node`]),
    ])
    expect(unresolved(specifiersOf).toSorted()).toEqual(forbidden.toSorted())
  })

  it("are entered by name, never by a path", () => {
    const leaving = written.flatMap((source) =>
      source.imports
        .filter((specifier) => specifier.startsWith("."))
        .filter((specifier) => {
          const target = path.relative(path.join(folderOf(source.package), "src"), path.resolve(path.dirname(source.path), specifier)) // prettier-ignore
          return target.startsWith("..")
        })
        .map((specifier) => `${titleOf(source)}: ${specifier}`),
    )
    expect(leaving).toEqual([])
  })

  it("keep their compiler references in step with what they depend on", () => {
    for (const name of packages) {
      const read = (file: string) => JSON.parse(fs.readFileSync(path.join(folderOf(name), file), "utf8"))
      const referenced = (read("tsconfig.json").references as ReadonlyArray<{ path: string }>).map(
        (reference) => `@thaw/${path.basename(reference.path)}`,
      )
      const declared = Object.keys(read("package.json").dependencies).filter((each) => each.startsWith("@thaw/"))
      expect(referenced.toSorted(), name).toEqual(declared.toSorted())
    }
  })

  it("export every module that is not internal and not the entry of a process, in order", () => {
    for (const name of packages) {
      const lines = fs
        .readFileSync(path.join(folderOf(name), "src/index.ts"), "utf8")
        .trimEnd()
        .split("\n")
      // Modules of a family may be named too: `export * as Bert from "./encoders/Bert.ts"`.
      const form = /^export \* as (\w+) from "\.\/(?!internal\/)(?:[a-z]\w*\/)?\1\.ts"$/
      expect(
        lines.filter((line) => !form.test(line)),
        name,
      ).toEqual([])
      expect(lines, name).toEqual(lines.toSorted())
      const missing = modulesOf(name).filter((file) => !lines.some((line) => line.endsWith(`from "./${file}"`)))
      expect(missing, name).toEqual([])
    }
  })
})

describe("doors", () => {
  it.each([
    ["onnxruntime-node", /^onnxruntime-(node|common|web)\b/, ["runners/Onnxruntime.ts"]],
    ["SQLite", /^(node:)?sqlite\b/, ["core/internal/RunDatabase.ts"]],
    ["the protobuf library", /^@bufbuild\//, ["onnx/ModelProto.ts"]],
    ["the hub library", /^@huggingface\/hub\b/, ["hub/internal/HubLibrary.ts"]],
  ])("%s is imported in one file", (_, wanted, files) => {
    expect(importersOf(wanted)).toEqual(files)
  })

  it("each part of Effect that is tagged unstable is imported in one file", () => {
    const unstable = written.flatMap(({ imports }) => imports.filter((specifier) => /^effect\/[a-z]/.test(specifier)))
    for (const specifier of new Set(unstable)) {
      const importers = importersOf(new RegExp(`^${specifier}$`))
      expect(importers, specifier).toHaveLength(1)
    }
  })
})

describe("files", () => {
  it("are at most 400 lines long", () => {
    const long = written.filter(({ text }) => text.split("\n").length > 401)
    expect(long.map(titleOf)).toEqual([])
  })

  it("are called after their idea", () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|shared|manager)(\.|\/)|(Utils?|Helpers?|Manager)\.ts$/i
    const names = written.map(titleOf).filter((name) => vague.test(name))
    const lower = written.map(titleOf).filter((name) => !/\/([A-Z]\w*|index|main)\.ts$/.test(name))
    expect([...names, ...lower]).toEqual([])
  })

  it("open with what they are about", () => {
    const silent = written.filter(({ name, text }) => name !== "index.ts" && !/^(#!.*\n)?\/\*\*/.test(text))
    expect(silent.map(titleOf)).toEqual([])
  })

  it("hold no notes to ourselves, no silenced compiler and no path of one machine", () => {
    const places = written.flatMap((source) =>
      source.text
        .split("\n")
        .flatMap((line, at) =>
          /\b(TODO|FIXME|XXX|HACK)\b|@ts-(ignore|nocheck)|["'`]\/(work|home|root)\//.test(line)
            ? [`${titleOf(source)}:${at + 1}: ${line.trim()}`]
            : [],
        ),
    )
    expect(places).toEqual([])
  })

  it("of the whole repository are free of built output", () => {
    const tracked = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8" }).split("\n")
    expect(tracked.filter((file) => /(^|\/)(node_modules|dist|\.thaw)\/|\.(tgz|tsbuildinfo)$/.test(file))).toEqual([])
  })
})
