/** What a pipeline or a step of its author prints goes where it disturbs nothing. */
import { format } from "node:util"
import { Effect } from "effect"
import type { Scope } from "effect"

const methods = ["log", "info", "debug", "warn", "error"] as const

/** Every line printed through `console` goes to `print` until the scope ends. */
export const divert = (print: (line: string) => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const own = Object.fromEntries(methods.map((name) => [name, console[name]]))
        for (const name of methods) console[name] = (...values: ReadonlyArray<unknown>) => print(format(...values))
        return own
      }),
      (own) => Effect.sync(() => void Object.assign(console, own)),
    ),
  )
