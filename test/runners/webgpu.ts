/**
 * The WebGPU device of this machine, if it has one. A GPU in software will do: SwiftShader, which Debian's
 * `chromium-common` carries and `.ci/run` unpacks, is found by the loader through `VK_DRIVER_FILES`. (Mesa's llvmpipe of
 * Debian 12 is refused as an adapter.)
 */
import { existsSync } from "node:fs"
import process from "node:process"
import * as Providers from "@thaw/runners/Providers"
import { Effect } from "effect"

const debian = "/usr/lib/chromium/vk_swiftshader_icd.json"
if (existsSync(debian)) {
  process.env["VK_DRIVER_FILES"] ??= debian
  process.env["VK_ICD_FILENAMES"] ??= debian
}

/** Why there is none; undefined where there is one. */
export const problem = await Effect.runPromise(
  Effect.map(Providers.all(120_000), (all) => all.find(({ provider }) => provider === "webgpu")!.problem),
)

/** What stands behind the names of tests that need it and are skipped. */
export const skipped = problem === undefined ? "" : ` (skipped: ${problem})`
