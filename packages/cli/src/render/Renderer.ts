/** How a run is shown while it goes on: one of `Live`, `Plain` and `Json`, alike to whoever runs it. */
import type { RunEvent } from "@thaw/core/RunEvent"
import type { Effect, Scope } from "effect"
import type { Palette } from "./Ansi.ts"

export interface Renderer {
  /** Every event of the run, in order. */
  readonly show: (event: RunEvent) => Effect.Effect<void>
  /** Lines for people, outside of the events: tables, where things are kept. Nothing where a program reads. */
  readonly say: (lines: ReadonlyArray<string>) => Effect.Effect<void>
  /** Ctrl-C was pressed; the run ends as soon as it can. */
  readonly stopping: () => void
  readonly palette: Palette
  /** Width for what is said. */
  readonly columns: number
}

/** What a renderer writes to: standard output, or a test's list. */
export interface Screen {
  readonly write: (text: string) => unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** Made when a run begins; its scope ends with the run and leaves the terminal as it was. */
export type Make = (screen: Screen) => Effect.Effect<Renderer, never, Scope.Scope>
