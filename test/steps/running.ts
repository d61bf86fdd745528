/** Runs steps outside a pipeline. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import path from "node:path"
import type * as Source from "@thaw/core/Source"
import type * as Step from "@thaw/core/Step"
import { Effect } from "effect"
import { afterAll } from "vitest"

/** What the step gives. The steps tested with it ask for no service. */
export const outcome = <A>(result: Step.Awaitable<A>): Promise<A> =>
  Effect.isEffect(result) ? Effect.runPromise(result as Effect.Effect<A, unknown>) : Promise.resolve(result)

/** The error a step ends with; rejects when it succeeds. */
export const failure = (result: Step.Awaitable<unknown>): Promise<{ _tag: string; message: string }> =>
  Effect.runPromise(Effect.flip(result as Effect.Effect<unknown, { _tag: string; message: string }>))

const folder = mkdtempSync(path.join(tmpdir(), "thaw-steps-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file with this content, located as a pipeline's runner would. */
export const file = (name: string, content: string | Uint8Array): Source.Located => {
  const full = path.join(folder, name)
  writeFileSync(full, content)
  return { path: full, written: `./${name}` }
}
