#!/usr/bin/env node
/**
 * Entry of the `thaw` command. Nothing is imported before the compile cache is on: it halves the time to the first
 * line. https://nodejs.org/api/module.html#module-compile-cache
 */
import * as nodeModule from "node:module"
import * as path from "node:path"

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `error: node: expected version 22.19 or newer, got ${process.versions.node}. Install a newer Node, e.g. the npm package "node".\n`,
  )
  process.exit(2)
}
nodeModule.enableCompileCache()
// Session processes share it: the variable names the folder above that of this version of Node.
const cache = nodeModule.getCompileCacheDir()
if (cache !== undefined) process.env["NODE_COMPILE_CACHE"] ??= path.dirname(cache)
const { main } = await import("./Program.ts")
main(process.argv.slice(2))
