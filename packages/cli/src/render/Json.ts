/** One JSON object a line on standard output and nothing else there; what steps print goes to standard error. */
import * as RunEvent from "@thaw/core/RunEvent"
import { Effect } from "effect"
import * as Ansi from "./Ansi.ts"
import * as Console from "./Console.ts"
import type * as Renderer from "./Renderer.ts"

export const make: Renderer.Make = (screen) =>
  Effect.as(
    Console.divert((line) => void process.stderr.write(`${line}\n`)),
    {
      show: (event) => Effect.sync(() => void screen.write(`${RunEvent.toJsonLine(event)}\n`)),
      say: () => Effect.void,
      stopping: () => {},
      palette: Ansi.plain,
      columns: Number.POSITIVE_INFINITY,
    },
  )
