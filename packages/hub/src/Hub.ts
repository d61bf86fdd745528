/**
 * Which hub is asked, as whom, and where what it gives is kept: the settings of everything in this package.
 *
 * They come from the environment, as for other tools that use the same cache: `HF_ENDPOINT`, `HF_TOKEN`,
 * `HF_HUB_OFFLINE`, `HF_HUB_CACHE` (older: `HUGGINGFACE_HUB_CACHE`), `HF_HOME` and `XDG_CACHE_HOME`. An empty variable
 * counts as none. `THAW_HUB_REFRESH` is our own: branches and tags that the cache knows are looked up again.
 */
import { homedir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Redacted } from "effect"

export interface Settings {
  /** Without a slash at its end. */
  readonly endpoint: string
  /** Sent to the endpoint's own origin and to nobody else. */
  readonly token: Redacted.Redacted | undefined
  /** Folder of the cache, `…/huggingface/hub`. */
  readonly cache: string
  /** Asks nobody. */
  readonly offline: boolean
  /** Asks again what a branch or tag stands for. */
  readonly refresh: boolean
  readonly fetch: typeof globalThis.fetch
  /** Waits between two attempts. */
  readonly pause: (millis: number) => Effect.Effect<void>
  /** A connection that brings nothing for so long counts as cut. */
  readonly idleMillis: number
}

type Environment = Readonly<Record<string, string | undefined>>

export const fromEnvironment = (environment: Environment): Settings => {
  const given = (...names: ReadonlyArray<string>): string | undefined =>
    names.map((name) => environment[name]?.trim()).find((value) => value !== undefined && value !== "")
  const path = (...names: ReadonlyArray<string>): string | undefined =>
    given(...names)?.replace(/^~(?=\/|$)/, homedir())
  const flag = (name: string): boolean => /^(1|on|yes|true)$/i.test(given(name) ?? "")
  const token = given("HF_TOKEN")
  const home = path("HF_HOME") ?? join(path("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface")
  return {
    endpoint: (given("HF_ENDPOINT") ?? "https://huggingface.co").replace(/\/+$/, ""),
    token: token === undefined ? undefined : Redacted.make(token),
    cache: path("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? join(home, "hub"),
    offline: flag("HF_HUB_OFFLINE"),
    refresh: flag("THAW_HUB_REFRESH"),
    fetch: globalThis.fetch,
    pause: (millis) => Effect.sleep(millis),
    idleMillis: 30_000,
  }
}

/** What the environment says, unless somebody provides other settings. */
export const Hub = Context.Reference<Settings>("@thaw/hub/Hub", {
  defaultValue: () => fromEnvironment(process.env),
})
