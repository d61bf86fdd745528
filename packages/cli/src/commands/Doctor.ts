/** `thaw doctor`: what this machine has, and where results go. */
import { existsSync } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { Hub } from "@thaw/hub/Hub"
import * as Requests from "@thaw/hub/Requests"
import { Sessions } from "@thaw/onnx/Session"
import * as Providers from "@thaw/runners/Providers"
import { Effect, Layer } from "effect"
import * as Home from "../Home.ts"
import * as Provenance from "../Provenance.ts"
import * as Ansi from "../render/Ansi.ts"
import * as Figures from "../render/Figures.ts"
import * as Table from "../render/Table.ts"
import * as Services from "../Services.ts"

export const handle = Effect.fnUntraced(function* () {
  const palette = Ansi.paletteOf(process.stdout)
  const home = Home.of(process.cwd())
  const machine = Provenance.machine()
  const environment = yield* Effect.flatMap(Sessions, (sessions) => sessions.environment).pipe(
    Effect.provide(Services.local.pipe(Layer.provide(Services.silent))),
    Effect.result,
  )
  const providers = yield* Providers.all()
  const store = yield* Effect.promise(() => folderSize(path.join(home, "store")))

  const rows: ReadonlyArray<readonly [string, string]> = [
    ...Object.entries(Provenance.versions()),
    ["machine", `${machine["platform"]} ${machine["architecture"]}, ${machine["processor"]}`],
    ["threads", `${os.availableParallelism()} available`],
    ["memory", `${Figures.bytes(os.freemem())} free of ${Figures.bytes(os.totalmem())}`],
    ...providers.map((each): readonly [string, string] => [each.provider, availability(each, palette)]),
    ...(environment._tag === "Success"
      ? [
          ["instruction set", environment.success["instructionSet"] ?? "unknown"] as const,
          ["arithmetic", environment.success["arithmetic"] ?? "unknown"] as const,
        ]
      : [["arithmetic", palette.bad(environment.failure.message)] as const]),
    ["store", place(home, store)],
    ...(yield* hubRows(palette)),
  ]
  const table = Table.lines(
    [{ title: "" }, { title: "" }],
    rows.map((row) => [palette.dim(row[0]), row[1]]),
    palette,
  )
  process.stdout.write(`${table.join("\n")}\n`)
  if (environment._tag === "Failure") return yield* environment.failure
})

const availability = (each: Providers.Availability, palette: Ansi.Palette): string => {
  if (each.problem !== undefined) {
    return `${palette.warn("not available")}: ${Ansi.tame(each.problem).replace(/\.$/, "")}. ${Providers.advice(each)}`.trimEnd()
  }
  return `${palette.good("available")}${each.provider === "webgpu" ? ", for --runner gpu" : ""}`
}

const place = (folder: string, sizeBytes: number): string =>
  existsSync(folder) ? `${folder}, ${Figures.bytes(sizeBytes)}` : `${folder}, nothing there yet`

/** Which hub is asked and as whom. The token itself is shown nowhere. */
const hubRows = Effect.fnUntraced(function* (palette: Ansi.Palette) {
  const settings = yield* Hub
  const endpoint = yield* Effect.try({
    // Judged before it is shown: a wrong one may hold a password.
    try: () => `${Requests.address(settings)}${settings.offline ? ", not asked: HF_HUB_OFFLINE is set" : ""}`,
    catch: (cause) => palette.bad(cause instanceof Error ? cause.message : String(cause)),
  }).pipe(Effect.catch(Effect.succeed))
  const cached = yield* Effect.promise(() => folderSize(settings.cache))
  return [
    ["hub", endpoint],
    ["hub token", settings.token === undefined ? "none; HF_TOKEN gives one" : "set"],
    ["hub cache", place(settings.cache, cached)],
    ...(settings.refresh ? [["hub branches", "looked up again: THAW_HUB_REFRESH is set"] as const] : []),
  ] satisfies ReadonlyArray<readonly [string, string]>
})

/** Bytes of all files below; 0 where nothing is. */
const folderSize = async (folder: string): Promise<number> => {
  if (!existsSync(folder)) return 0
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map((entry) =>
        stat(path.join(entry.parentPath, entry.name)).then(
          ({ size }) => size,
          // Gone since the listing: scratch of a run that goes on.
          () => 0,
        ),
      ),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}
